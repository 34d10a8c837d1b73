// SPDX-License-Identifier: MIT
// A few flooding clients beside many well-behaved ones, or either alone. A flood keeps IN_FLIGHT
// messages in flight and never pauses; a well-behaved client has one. All send the same message
// repeatedly and compare each byte of the echo. Prints a JSON object: the echoes received in the
// measured window, the start and end of the window (CLOCK_MONOTONIC), the well-behaved clients'
// share of all messages, their fairness (Jain's index: 1 is perfectly even, 1/n is all for one),
// and their latencies; without well-behaved clients, the latencies of the floods. Writes
// "connected" to standard error once all clients are connected. With "until-eof" it continues after
// the window until end of file on standard input.
#include "client.hpp"
#include "net/epoll.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>

namespace {

using echod::Clock;
using echod::TimePoint;

constexpr auto kTimeout = std::chrono::seconds(10);

struct Client {
    echod::UniqueFd fd;
    std::uint64_t window = 1;   ///< messages in flight
    std::uint64_t sent = 0;     ///< bytes
    std::uint64_t received = 0; ///< bytes
    std::uint64_t counted = 0;  ///< echoes completed in the measured window
};

struct Plan {
    std::uint16_t port;
    std::size_t floods;
    std::uint64_t in_flight;
    std::size_t well_behaved;
    std::uint32_t payload;
    std::chrono::milliseconds warmup;
    std::chrono::milliseconds duration;
    std::uint64_t messages; ///< ends after this number of echoes
};

class MixedLoad {
public:
    explicit MixedLoad(const Plan& plan)
        : plan_(plan), length_(echod::kHeaderSize + plan.payload),
          stream_(bench::messages(std::max<std::size_t>(plan.in_flight, kRead / length_) + 2,
                                  plan.payload)),
          clients_(plan.well_behaved + plan.floods),
          sent_at_(clients_.size() * std::max<std::uint64_t>(plan.in_flight, 1)) {
        for (std::size_t id = 0; id < clients_.size(); ++id) {
            Client& client = clients_[id];
            client.window = is_well_behaved(id) ? 1 : plan.in_flight;
            client.fd = bench::connect_to(plan.port, static_cast<std::uint32_t>(id), 0);
            echod::set_nonblocking(client.fd.get());
            if (const int error = epoll_.add(client.fd.get(), EPOLLIN | EPOLLOUT | EPOLLET, id);
                error != 0) {
                echod::throw_errno(error, "epoll_ctl");
            }
        }
    }

    void run() {
        const TimePoint from = Clock::now() + plan_.warmup;
        const TimePoint until = from + plan_.duration;
        TimePoint now = Clock::now();
        // On a very busy machine a short run continues until there is something to report.
        const std::uint64_t least = std::max<std::uint64_t>(plan_.well_behaved, 1);
        for (; messages_ < plan_.messages &&
               (now < until || (latency_.count() < least && now < until + kTimeout));
             now = Clock::now()) {
            if (!measuring_ && now >= from) {
                measuring_ = true;
                began_ = now;
            }
            step();
        }
        measuring_ = false;
        ended_ = now;
    }

    /// Continues, without measuring, until end of file on standard input.
    void run_until_eof() {
        pollfd input{STDIN_FILENO, POLLIN, 0};
        while (::poll(&input, 1, 0) == 0) {
            step();
        }
    }

    void report() const {
        const auto well_behaved = std::span(clients_).first(plan_.well_behaved);
        const auto floods = std::span(clients_).subspan(plan_.well_behaved);
        const double seconds = echod::to_seconds(ended_ - began_);
        const double by_well_behaved = total(well_behaved);
        const double by_floods = total(floods);
        fmt::print(
            R"({{"messages": {}, "begin_ns": {}, "end_ns": {}, "well_behaved_per_s": {:.1f}, )"
            R"("flood_per_s": {:.1f}, "share": {:.4f}, "jain": {:.4f}, )"
            R"("flood_jain": {:.4f}, {}}})"
            "\n",
            messages_, began_.time_since_epoch().count(), ended_.time_since_epoch().count(),
            by_well_behaved / seconds, by_floods / seconds,
            by_well_behaved / (by_well_behaved + by_floods), jain(well_behaved), jain(floods),
            bench::latency_members(latency_));
    }

private:
    static constexpr std::size_t kRead = std::size_t{64} * 1024;

    [[nodiscard]] bool is_well_behaved(std::size_t id) const { return id < plan_.well_behaved; }

    static double total(std::span<const Client> clients) {
        double sum = 0;
        for (const Client& client : clients) {
            sum += static_cast<double>(client.counted);
        }
        return sum;
    }

    // (sum x)^2 / (n * sum x^2); Jain, Chiu, Hawe 1984.
    static double jain(std::span<const Client> clients) {
        double squares = 0;
        for (const Client& client : clients) {
            squares += static_cast<double>(client.counted) * static_cast<double>(client.counted);
        }
        const double sum = total(clients);
        return squares == 0 ? 0 : sum * sum / (static_cast<double>(clients.size()) * squares);
    }

    void step() {
        const int n = epoll_.wait(events_, std::chrono::milliseconds(10));
        const auto ready = std::span(events_).first(static_cast<std::size_t>(std::max(n, 0)));
        // Well-behaved clients first: they should wait for the server, not for this client.
        for (const bool well_behaved : {true, false}) {
            for (const epoll_event& event : ready) {
                if (is_well_behaved(event.data.u64) == well_behaved) {
                    serve(event.data.u64);
                }
            }
        }
    }

    void serve(std::size_t id) {
        Client& client = clients_[id];
        for (std::size_t got = kRead; got == kRead;) {
            const echod::IoResult result = echod::receive(client.fd.get(), buffer_);
            if (result.would_block()) {
                break;
            }
            if (result.error != 0 || result.bytes == 0) {
                throw std::runtime_error("the server closed a connection");
            }
            got = result.bytes;
            take(id, client, got);
        }
        send(id, client);
    }

    void take(std::size_t id, Client& client, std::size_t bytes) {
        if (std::memcmp(buffer_.data(), &stream_[client.received % length_], bytes) != 0) {
            throw std::runtime_error("an echo was wrong");
        }
        std::uint64_t echo = client.received / length_;
        client.received += bytes;
        now_ = Clock::now();
        const std::uint64_t end = client.received / length_;
        if (!measuring_) {
            return;
        }
        client.counted += end - echo;
        messages_ += end - echo;
        if (is_well_behaved(id) || plan_.well_behaved == 0) {
            for (; echo < end; ++echo) {
                latency_.record(now_ - sent_at(id, echo));
            }
        }
    }

    // A ring for each client. A message sent in response to an echo counts as sent when that echo
    // arrived.
    TimePoint& sent_at(std::size_t id, std::uint64_t message) {
        return sent_at_[id * plan_.in_flight + message % clients_[id].window];
    }

    void send(std::size_t id, Client& client) {
        const std::uint64_t due = (client.received / length_ + client.window) * length_;
        if (due == client.sent) {
            return;
        }
        for (std::uint64_t at = (client.sent + length_ - 1) / length_; at < due / length_; ++at) {
            sent_at(id, at) = client.received == 0 ? Clock::now() : now_;
        }
        const auto what =
            std::span(stream_).subspan(client.sent % length_, std::size_t{due - client.sent});
        const echod::IoResult result = echod::send_some(client.fd.get(), what);
        if (result.error != 0 && !result.would_block()) {
            echod::throw_errno(result.error, "send");
        }
        client.sent += result.bytes;
    }

    Plan plan_;
    std::size_t length_;
    std::vector<std::byte> stream_; ///< contains a window of the stream from any offset
    std::vector<Client> clients_;   ///< well-behaved clients, then floods
    std::vector<TimePoint> sent_at_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kRead);
    echod::Epoll epoll_;
    std::array<epoll_event, 256> events_{};
    echoload::Histogram latency_;
    bool measuring_ = false;
    std::uint64_t messages_ = 0; ///< echoes in the measured window
    TimePoint now_{};            ///< when the last receive call returned
    TimePoint began_{};
    TimePoint ended_{};
};

} // namespace

int main(int argc, char** argv) try {
    if (argc != 8 && argc != 9) {
        fmt::print(stderr,
                   "usage: mixed PORT FLOODS IN_FLIGHT WELL_BEHAVED PAYLOAD WARMUP_MS DURATION_MS "
                   "[MESSAGES|until-eof]\n");
        return 2;
    }
    bench::raise_descriptor_limit();
    const bool until_eof = argc == 9 && std::string_view(argv[8]) == "until-eof";
    MixedLoad load({static_cast<std::uint16_t>(bench::number(argv[1])), bench::number(argv[2]),
                    bench::number(argv[3]), bench::number(argv[4]),
                    static_cast<std::uint32_t>(bench::number(argv[5])),
                    std::chrono::milliseconds(bench::number(argv[6])),
                    std::chrono::milliseconds(bench::number(argv[7])),
                    argc == 9 && !until_eof ? bench::number(argv[8]) : UINT64_MAX});
    std::fputs("connected\n", stderr);
    load.run();
    if (until_eof) {
        load.run_until_eof();
    }
    load.report();
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "mixed: %s\n", error.what());
    return 1;
}
