// SPDX-License-Identifier: MIT
// Connects, sends one message, receives its echo and closes, repeatedly, on a number of connections
// at a time. Prints a JSON object in which a message is a whole connection. The measured time is
// from connect(2) to the last byte of the echo.
#include "client.hpp"
#include "net/epoll.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <exception>

namespace {

using echod::Clock;
using echod::TimePoint;

constexpr auto kTimeout = std::chrono::seconds(10);

struct Slot {
    echod::UniqueFd fd;
    TimePoint began{};
    bool sent = false;
    std::size_t received = 0;
    std::uint32_t generation = 0;
};

class Churn {
public:
    Churn(std::uint16_t port, std::uint32_t at_once, std::uint32_t payload)
        : port_(port), slots_(at_once), message_(bench::messages(1, payload)) {}

    void run(std::chrono::milliseconds warmup, std::chrono::milliseconds duration) {
        const TimePoint from = Clock::now() + warmup;
        const TimePoint until = from + duration;
        for (std::uint32_t id = 0; id < slots_.size(); ++id) {
            open(id);
        }
        std::array<epoll_event, 256> events{};
        TimePoint now = Clock::now();
        TimePoint began = from;
        // On a very busy machine a short run continues until there is something to report.
        for (; now < until || (latency_.count() == 0 && now < until + kTimeout);
             now = Clock::now()) {
            if (!measuring_ && now >= from) {
                measuring_ = true;
                began = now;
            }
            const int n = epoll_.wait(events, std::chrono::milliseconds(10));
            for (std::size_t i = 0; n > 0 && i < static_cast<std::size_t>(n); ++i) {
                handle(events[i].data.u64);
            }
        }
        fmt::print(
            R"({{"messages": {}, "begin_ns": {}, "end_ns": {}, "failed": {}, "wrong": {}, {}}})"
            "\n",
            latency_.count(), began.time_since_epoch().count(), now.time_since_epoch().count(),
            failed_, wrong_, bench::latency_members(latency_));
    }

    [[nodiscard]] bool all_well() const { return failed_ == 0 && wrong_ == 0; }

private:
    void open(std::uint32_t id) {
        Slot& slot = slots_[id];
        ++slot.generation;
        slot.began = Clock::now();
        slot.sent = false;
        slot.received = 0;
        slot.fd = bench::connect_to(port_, opened_++, SOCK_NONBLOCK);
        const std::uint64_t token = std::uint64_t{slot.generation} << 32U | id;
        if (const int error =
                epoll_.add(slot.fd.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, token);
            error != 0) {
            echod::throw_errno(error, "epoll_ctl");
        }
    }

    void handle(std::uint64_t token) {
        const auto id = static_cast<std::uint32_t>(token);
        if (slots_[id].generation == token >> 32U && !serve(slots_[id])) {
            open(id);
        }
    }

    /// Returns false if this connection is finished.
    bool serve(Slot& slot) {
        if (!slot.sent) {
            const echod::IoResult sent = echod::send_some(slot.fd.get(), message_);
            if (sent.would_block() || sent.error == ENOTCONN) {
                return true;
            }
            slot.sent = sent.bytes == message_.size();
            failed_ += slot.sent ? 0U : 1U;
            return slot.sent;
        }
        const std::span<std::byte> room = std::span(echo_).subspan(slot.received);
        const echod::IoResult got = echod::receive(slot.fd.get(), room);
        if (got.would_block()) {
            return true;
        }
        if (got.error != 0 || got.bytes == 0) {
            ++failed_;
            return false;
        }
        wrong_ += std::memcmp(room.data(), &message_[slot.received], got.bytes) == 0 ? 0U : 1U;
        slot.received += got.bytes;
        if (slot.received == message_.size()) {
            if (measuring_) {
                latency_.record(Clock::now() - slot.began);
            }
            return false;
        }
        return true;
    }

    std::uint16_t port_;
    std::vector<Slot> slots_;
    std::vector<std::byte> message_;
    std::vector<std::byte> echo_ = std::vector<std::byte>(message_.size());
    echod::Epoll epoll_;
    echoload::Histogram latency_;
    std::uint32_t opened_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t wrong_ = 0;
    bool measuring_ = false;
};

} // namespace

int main(int argc, char** argv) try {
    if (argc != 6) {
        fmt::print(stderr, "usage: churn PORT AT_ONCE PAYLOAD WARMUP_MS DURATION_MS\n");
        return 2;
    }
    bench::raise_descriptor_limit();
    Churn churn(static_cast<std::uint16_t>(bench::number(argv[1])),
                static_cast<std::uint32_t>(bench::number(argv[2])),
                static_cast<std::uint32_t>(bench::number(argv[3])));
    churn.run(std::chrono::milliseconds(bench::number(argv[4])),
              std::chrono::milliseconds(bench::number(argv[5])));
    return churn.all_well() ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "churn: %s\n", error.what());
    return 1;
}
