// SPDX-License-Identifier: MIT
// The state that one process leaves to the next: any bytes are refused by name or are a state that
// can be gone on with, whatever it says, within the bounds of any other connection.
//
// The first byte says whether magic and checksum are made right, for nothing gets past them else.
#include "bytes.hpp"
#include "net/socket.hpp"
#include "server/clients.hpp"
#include "server/handover.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace {

using namespace echod;
using namespace std::chrono_literals;
using fuzz::require;

constexpr std::size_t kMagicSize = 8;
constexpr std::size_t kChecksumSize = 8;
constexpr std::size_t kMostConnections = 8;

std::vector<std::byte> encode(const ParkedState& state) {
    const UniqueFd fd = make_state_file(state.config, state.connections);
    const StateFile file(fd.get());
    return {file.bytes().begin(), file.bytes().end()};
}

void seal(std::vector<std::byte>& bytes) {
    if (bytes.size() < kMagicSize + kChecksumSize) {
        return;
    }
    const std::vector<std::byte> sample = encode({});
    std::copy_n(sample.begin(), kMagicSize, bytes.begin());
    const std::size_t content = bytes.size() - kChecksumSize;
    const std::uint64_t checksum = state_checksum(std::span(bytes).first(content));
    for (std::size_t i = 0; i < kChecksumSize; ++i) {
        bytes[content + i] = static_cast<std::byte>((checksum >> (8 * i)) & 0xffU);
    }
}

// A process that takes the connections over, and what their peers see.
class Successor {
public:
    explicit Successor(std::span<const ParkedConnection> parked) : parked_(parked) {
        clients_.configure(Config::Limits{}, Config::Timeouts{});
        std::vector<UniqueFd> fds;
        for (std::size_t i = 0; i < parked.size(); ++i) {
            std::array<int, 2> pair{};
            require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                 pair.data()) == 0,
                    "there are sockets");
            fds.emplace_back(pair[0]);
            peers_.emplace_back(pair[1]);
        }
        require(clients_.restore(parked, fds, now_) == 0, "all are taken over");
        check();
    }

    // Parked again at once, they are what they were.
    void park() {
        std::vector<ParkedConnection> again;
        std::vector<int> fds;
        clients_.park(now_, again, fds);
        require(again.size() == parked_.size(), "nobody is forgotten");
        for (const ParkedConnection& one : again) {
            const bool known = std::any_of(parked_.begin(), parked_.end(), [&](const auto& other) {
                return std::equal(one.kept.begin(), one.kept.end(), other.kept.begin(),
                                  other.kept.end()) &&
                       one.owed == other.owed && one.owed_messages == other.owed_messages &&
                       one.peer_done == other.peer_done && one.invalid == other.invalid &&
                       one.messages == other.messages && one.bytes == other.bytes &&
                       one.age == other.age && one.idle == other.idle;
            });
            require(known, "what is parked again is what was taken over");
        }
    }

    void serve() {
        for (int turns = 0; clients_.has_ready(); ++turns) {
            require(turns < 10'000, "there is an end of what is kept");
            clients_.serve_ready(now_, true);
            check();
        }
        for (std::size_t i = 0; i < peers_.size(); ++i) {
            std::array<std::byte, kReceiveBuffer + 1> buffer;
            const IoResult got = receive(peers_[i].get(), buffer);
            const std::span<const std::byte> kept = parked_[i].kept;
            require(got.error != 0 ||
                        (got.bytes <= kept.size() &&
                         std::equal(buffer.begin(), buffer.begin() + got.bytes, kept.begin())),
                    "nothing comes but what was kept");
            require(got.would_block() || got.error != 0 || got.bytes >= parked_[i].owed,
                    "what was owed comes");
        }
        for (int i = 0; i < 8; ++i) {
            now_ += 25h;
            check();
            clients_.expire(now_);
        }
        require(clients_.open() == 0, "idle ones go");
        check();
    }

private:
    void check() const {
        const Counters& c = counters_;
        require(c.accepted + c.restored == clients_.open() + c.closed_total(),
                "every connection ends once");
        std::vector<ConnectionSummary> all;
        std::vector<ConnectionSummary> none;
        clients_.summarize(kMostConnections, now_, all, none);
        std::size_t kept = 0;
        for (const ConnectionSummary& one : all) {
            require(one.kept <= kReceiveBuffer, "one receive buffer is the most that is kept");
            require(one.age >= 0s && one.idle >= 0s, "nobody comes from the future");
            kept += one.kept;
        }
        require(c.bytes_in + c.bytes_restored == c.bytes_out + c.bytes_dropped + kept,
                "every byte ends once");
        const std::uint64_t begun = c.messages_in + c.messages_restored;
        const std::uint64_t done = c.messages_out + c.messages_dropped;
        require(kept == 0 ? begun == done : begun >= done, "every message ends once");
    }

    std::span<const ParkedConnection> parked_;
    TimePoint now_{1000000h};
    Epoll epoll_;
    Counters counters_;
    Clients clients_{epoll_, counters_};
    std::vector<UniqueFd> peers_;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Bytes in(data, size);
    const bool sealed = (in.byte() & 1U) != 0;
    const auto rest = std::as_bytes(in.take(size));
    std::vector<std::byte> bytes(rest.begin(), rest.end());
    if (sealed) {
        seal(bytes);
    }
    ParkedState state;
    try {
        state = decode_state(bytes);
    } catch (const std::runtime_error& error) {
        require(*error.what() != '\0', "a refusal says why");
        return 0;
    }
    const std::vector<std::byte> again = encode(state);
    require(decode_state(again) == state, "what was read is written the same");
    state.connections.resize(std::min(state.connections.size(), kMostConnections));
    const auto successor = std::make_unique<Successor>(state.connections);
    successor->park();
    successor->serve();
    return 0;
}
