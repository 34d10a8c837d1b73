// SPDX-License-Identifier: MIT
// A peer of the connection fuzzer: what it sends before its frames, and what it must get.
#pragma once

#include "base/unique_fd.hpp"
#include "bytes.hpp"
#include "net/socket.hpp"
#include "wire/frame.hpp"
#include "wire/proxy_header.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace fuzz {

/// How a connection begins.
enum class Begin : std::uint8_t {
    frames,  ///< listen.proxy_protocol is "off"
    header,  ///< with a PROXY header
    refused, ///< the peer may send no header: its first byte is a protocol error
};

/// What a peer must get.
struct Expected {
    std::size_t begin = 0; ///< the bytes of the header, which have no echo
    std::size_t bytes = 0; ///< to be echoed
    bool invalid = false;  ///< the connection ends behind them
};

inline Expected expected_of(Begin begin, std::span<const std::byte> sent) {
    Expected expected;
    if (begin == Begin::refused) {
        expected.invalid = !sent.empty();
        return expected;
    }
    if (begin == Begin::header) {
        const echod::ProxyHeader header = echod::parse_proxy_header(sent);
        if (header.parse != echod::ProxyParse::complete) {
            expected.invalid = header.parse == echod::ProxyParse::invalid;
            return expected;
        }
        expected.begin = header.size;
    }
    const echod::Scan scan = echod::scan_frames(sent.subspan(expected.begin));
    expected.bytes = scan.bytes;
    expected.invalid = scan.end == echod::ScanEnd::invalid;
    return expected;
}

/// The first bytes of a peer: a header of either version that names an address or none, or nothing,
/// so that frames or bytes of the input are taken for one.
inline std::vector<std::byte> begin_of(Begin begin, Bytes& in) {
    if (begin == Begin::frames) {
        return {};
    }
    using namespace std::string_view_literals;
    constexpr std::array kHeaders{
        "PROXY TCP4 203.0.113.7 192.0.2.11 40112 8007\r\n"sv,
        "PROXY TCP6 2001:db8::7 2001:db8::11 40112 8007\r\n"sv,
        "PROXY UNKNOWN\r\n"sv,
        "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv,                                                 // LOCAL
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x0b\x9c\xb0\x1f\x47"sv, // IPv4
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\xcb\0\x71\x07\xc0\0\x02\x0b\x9c\xb0\x1f\x47"
        "\x04\0\x02\0\0"sv, // the same with a TLV
        ""sv,               // frames at once
    };
    const std::string_view header = kHeaders[in.choice(kHeaders.size())];
    std::vector<std::byte> bytes(header.size());
    std::transform(header.begin(), header.end(), bytes.begin(),
                   [](char one) { return static_cast<std::byte>(one); });
    return bytes;
}

struct Peer {
    echod::UniqueFd fd;
    int server_fd = -1;
    Begin begin = Begin::frames;
    std::vector<std::byte> unsent_header; ///< comes before all else
    std::vector<std::byte> sent;
    std::vector<std::byte> received;
    bool finished = false; ///< has sent its FIN
    bool ended = false;    ///< has received end of file or an error

    [[nodiscard]] Expected expected() const { return expected_of(begin, sent); }

    /// Bytes behind the last whole frame: the server waits for the rest.
    [[nodiscard]] std::size_t begun() const {
        const Expected all = expected();
        return sent.size() - all.begin - all.bytes;
    }

    /// The bytes that the last frame, or its header, lacks; 0 behind what is no frame.
    [[nodiscard]] std::size_t rest_of_frame() const {
        const std::span<const std::byte> tail = std::span(sent).last(begun());
        if (tail.size() < echod::kHeaderSize) {
            return echod::kHeaderSize - tail.size();
        }
        const std::size_t size = echod::kHeaderSize + echod::decode_header(tail.data()).size;
        const bool incomplete = size <= echod::kMaxMessage && size > tail.size();
        return incomplete ? size - tail.size() : 0;
    }

    /// Returns how many of the bytes were sent.
    std::size_t send(std::span<const std::byte> bytes) {
        if (!fd || finished || bytes.empty()) {
            return 0;
        }
        const std::size_t count = echod::send_some(fd.get(), bytes).bytes;
        const std::span<const std::byte> taken = bytes.first(count);
        sent.insert(sent.end(), taken.begin(), taken.end());
        return count;
    }

    void read(std::size_t most) {
        std::array<std::byte, 65536> buffer;
        if (!fd || ended || most == 0) {
            return;
        }
        const echod::IoResult got = echod::receive(fd.get(), std::span(buffer).first(most));
        if (got.would_block()) {
            return;
        }
        ended = got.bytes == 0;
        const std::span<const std::byte> came = std::span(buffer).first(got.bytes);
        received.insert(received.end(), came.begin(), came.end());
        const Expected all = expected();
        const auto wanted = std::span(sent).subspan(all.begin, all.bytes);
        require(received.size() <= wanted.size() &&
                    std::equal(received.begin(), received.end(), wanted.begin()),
                "the output is a prefix of the expected output");
    }

    void finish() {
        if (fd && !finished) {
            ::shutdown(fd.get(), SHUT_WR);
            finished = true;
        }
    }
};

} // namespace fuzz
