// SPDX-License-Identifier: MIT
// The PROXY protocol: any bytes are no header, the front of one, or one; which of them does not
// change with what follows, nor with the pieces in which a connection receives them, nor with
// handovers in between.
//
// With an odd first byte the checksum of a header of version 2 is corrected where there is one;
// otherwise no input passes it.
#include "bytes.hpp"
#include "net/socket.hpp"
#include "server/clients/connection.hpp"
#include "wire/crc32c.hpp"
#include "wire/proxy_header.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace {

using namespace echod;
using namespace std::chrono_literals;
using fuzz::require;

using Stream = std::vector<std::byte>;

// A parse of a copy of exactly that size, so that a read beyond it is detected.
ProxyHeader parse_copy(std::span<const std::byte> bytes) {
    const Stream copy(bytes.begin(), bytes.end());
    return parse_proxy_header(copy);
}

std::size_t length_at(const Stream& stream, std::size_t at) {
    return std::to_integer<std::size_t>(stream[at]) * 256 +
           std::to_integer<std::size_t>(stream[at + 1]);
}

// Corrects the first CRC32c among the TLVs of IPv4 addresses.
void correct_checksum(Stream& stream) {
    constexpr std::size_t kFixed = 16;
    if (stream.size() < kFixed || stream.size() < kFixed + length_at(stream, 14)) {
        return;
    }
    const std::size_t end = kFixed + length_at(stream, 14);
    for (std::size_t at = kFixed + 12; at + 7 <= end; at += 3 + length_at(stream, at + 1)) {
        if (stream[at] != std::byte{3}) {
            continue;
        }
        std::fill_n(stream.begin() + static_cast<long>(at) + 3, 4, std::byte{0});
        const std::uint32_t crc = crc32c(std::span(stream).first(end));
        for (std::size_t i = 0; i < 4; ++i) {
            stream[at + 3 + i] = static_cast<std::byte>((crc >> (24 - 8 * i)) & 0xffU);
        }
        return;
    }
}

void check_parser(const Stream& stream, std::size_t split) {
    const ProxyHeader whole = parse_copy(stream);
    const auto front = std::span(stream).first(split < stream.size() ? split : stream.size());
    const ProxyHeader part = parse_copy(front);
    switch (part.parse) {
    case ProxyParse::incomplete:
        require(whole.parse != ProxyParse::complete || whole.size > front.size(),
                "a header is complete as soon as it is there");
        require(front.size() < kMaxProxyHeader, "a front has a bounded length");
        break;
    case ProxyParse::complete:
        require(part == whole, "what follows a header changes nothing");
        require(part.size != 0 && part.size <= front.size() && part.size <= kMaxProxyHeader,
                "a header has its length");
        break;
    case ProxyParse::invalid:
        require(whole.parse == ProxyParse::invalid, "what follows an error corrects nothing");
        break;
    }
    if (part.parse != ProxyParse::invalid && front.size() >= kHeaderSize) {
        require(looks_like_proxy_header(front) && scan_frames(front).end == ScanEnd::invalid,
                "the front of a header is no message");
    }
}

// A connection that receives the stream in pieces, and is handed over between some of them.
class Receiver {
public:
    Receiver() {
        require(
            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair_.data()) == 0,
            "sockets are available");
        peer_.reset(pair_[1]);
        connection_ = std::make_unique<Connection>(UniqueFd(pair_[0]), now_);
        connection_->expect_proxy_header(false);
    }
    ~Receiver() { connection_->close(CloseReason::stopped, pool_, counters_); }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    // Returns false when the connection expects no more of the header.
    bool receive(std::span<const std::byte> piece) {
        require(send_some(peer_.get(), piece).bytes == piece.size(), "the socket has room");
        connection_->note_edge(true, true);
        ServeContext context{buffer_, pool_, counters_, now_, kReceiveBuffer};
        Next next = Next::more;
        while (next == Next::more) {
            next = connection_->serve(context);
        }
        received_ += piece.size();
        if (next == Next::proxied) {
            header_.source = connection_->take_proxy_header(pool_, counters_);
            header_.size = counters_.bytes_proxy;
            header_.parse = ProxyParse::complete;
        } else if (connection_->deadline() == Deadline::linger) {
            header_.parse = ProxyParse::invalid;
            require(counters_.protocol_errors == 1, "an error is counted");
        }
        return header_.parse == ProxyParse::incomplete;
    }
    void hand_over() {
        const ParkedConnection parked = connection_->park(now_);
        require(parked.proxy_expected && parked.buffered.size() == received_,
                "a begun header is handed over");
        auto next = std::make_unique<Connection>(UniqueFd(::dup(connection_->fd())), now_);
        require(next->restore(parked, pool_, now_), "it is restored");
        counters_.bytes_restored += received_;
        connection_->close(CloseReason::parked, pool_, counters_);
        connection_ = std::move(next);
    }
    [[nodiscard]] const ProxyHeader& header() const { return header_; }

private:
    TimePoint now_{1h};
    std::array<int, 2> pair_{};
    UniqueFd peer_;
    std::array<std::byte, kReceiveBuffer> buffer_{};
    BufferPool pool_;
    Counters counters_;
    std::unique_ptr<Connection> connection_;
    std::size_t received_ = 0;
    ProxyHeader header_;
};

void check_connection(const Stream& stream, fuzz::Bytes& pieces) {
    Receiver receiver;
    std::size_t at = 0;
    while (at < stream.size()) {
        const std::size_t size = std::min<std::size_t>(1 + pieces.byte(), stream.size() - at);
        if (!receiver.receive(std::span(stream).subspan(at, size))) {
            break;
        }
        at += size;
        if (pieces.choice(4) == 1) {
            receiver.hand_over();
        }
    }
    require(receiver.header() == parse_copy(stream), "the pieces change nothing");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Bytes in(data, size);
    const bool correct = in.byte() % 2 == 1;
    const std::size_t split = in.pair();
    const std::span<const std::uint8_t> decisions = in.take(8);
    const auto rest = std::as_bytes(in.take(2 * kMaxProxyHeader));
    Stream stream(rest.begin(), rest.end());
    if (correct) {
        correct_checksum(stream);
    }
    check_parser(stream, split);
    fuzz::Bytes pieces(decisions.data(), decisions.size());
    check_connection(stream, pieces);
    return 0;
}
