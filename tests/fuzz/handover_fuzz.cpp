// SPDX-License-Identifier: MIT
// The state of a handover: any bytes are refused with a reason, or are a state that can be
// restored, within the limits of any other connection.
//
// The first byte says whether magic and checksum are corrected; otherwise no input passes them.
#include "bytes.hpp"
#include "net/socket.hpp"
#include "server/clients/clients.hpp"
#include "server/handover/state_codec.hpp"
#include "server/handover/state_file.hpp"

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

// The buffered bytes without a PROXY header, of which nothing is sent.
std::span<const std::byte> messages_of(const ParkedConnection& parked) {
    const std::size_t header = parked.proxy_expected ? parse_proxy_header(parked.buffered).size : 0;
    return parked.buffered.subspan(header);
}

// A process that restores the connections, and the view of their peers.
class Successor {
public:
    explicit Successor(std::span<const ParkedConnection> parked) : parked_(parked) {
        clients_.configure(Config::Limits{}, Config::Timeouts{});
        std::vector<UniqueFd> fds;
        for (std::size_t i = 0; i < parked.size(); ++i) {
            std::array<int, 2> pair{};
            require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                 pair.data()) == 0,
                    "sockets are available");
            fds.emplace_back(pair[0]);
            peers_.emplace_back(pair[1]);
        }
        require(clients_.restore(parked, fds, now_) == 0, "all connections are restored");
        check();
    }

    // Parking them again at once gives the same state.
    void park() {
        std::vector<ParkedConnection> again;
        std::vector<int> fds;
        clients_.park(now_, again, fds);
        require(again.size() == parked_.size(), "no connection is lost");
        for (const ParkedConnection& one : again) {
            const bool known = std::any_of(parked_.begin(), parked_.end(), [&](const auto& other) {
                return std::equal(one.buffered.begin(), one.buffered.end(), other.buffered.begin(),
                                  other.buffered.end()) &&
                       one.pending_out == other.pending_out &&
                       one.pending_messages == other.pending_messages &&
                       one.peer_done == other.peer_done && one.invalid == other.invalid &&
                       one.messages == other.messages && one.bytes == other.bytes &&
                       one.proxy_expected == other.proxy_expected && one.source == other.source &&
                       one.age == other.age && one.idle == other.idle;
            });
            require(known, "parking again gives the same state");
        }
    }

    void serve() {
        for (int turns = 0; clients_.has_ready(); ++turns) {
            require(turns < 10'000, "the buffered bytes are sent in bounded time");
            clients_.serve_ready(now_);
            check();
        }
        for (std::size_t i = 0; i < peers_.size(); ++i) {
            std::array<std::byte, kReceiveBuffer + 1> buffer;
            const IoResult got = receive(peers_[i].get(), buffer);
            const std::span<const std::byte> buffered = messages_of(parked_[i]);
            require(got.error != 0 ||
                        (got.bytes <= buffered.size() &&
                         std::equal(buffer.begin(), buffer.begin() + got.bytes, buffered.begin())),
                    "only buffered bytes are sent");
            require(got.would_block() || got.error != 0 || got.bytes >= parked_[i].pending_out,
                    "the pending output is sent");
        }
        for (int i = 0; i < 8; ++i) {
            now_ += 25h;
            check();
            clients_.expire(now_);
        }
        require(clients_.open() == 0, "idle connections are closed");
        check();
    }

private:
    void check() const {
        const Counters& c = counters_;
        require(c.accepted + c.restored == clients_.open() + c.closed_total(),
                "every connection is counted once");
        std::vector<ConnectionSummary> all;
        std::vector<ConnectionSummary> none;
        clients_.summarize(kMostConnections, now_, all, none);
        std::size_t buffered = 0;
        for (const ConnectionSummary& one : all) {
            require(one.buffered <= kReceiveBuffer, "at most one receive buffer is buffered");
            require(one.age >= 0s && one.idle >= 0s, "no time is in the future");
            buffered += one.buffered;
        }
        require(c.bytes_in + c.bytes_restored ==
                    c.bytes_out + c.bytes_dropped + c.bytes_proxy + buffered,
                "every byte is counted once");
        const std::uint64_t begun = c.messages_in + c.messages_restored;
        const std::uint64_t done = c.messages_out + c.messages_dropped;
        require(buffered == 0 ? begun == done : begun >= done, "every message is counted once");
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
        require(*error.what() != '\0', "a refusal has a reason");
        return 0;
    }
    const std::vector<std::byte> again = encode(state);
    require(decode_state(again) == state, "the state is written as it was read");
    state.connections.resize(std::min(state.connections.size(), kMostConnections));
    const auto successor = std::make_unique<Successor>(state.connections);
    successor->park();
    successor->serve();
    return 0;
}
