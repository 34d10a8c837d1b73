// SPDX-License-Identifier: MIT
// The protocol, stated once: both programs include this file. See echod-protocol(7).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace echod {

/// The header as it is on the wire; both numbers are in network byte order (RFC 1700, big-endian).
struct WireHeader {
    std::uint32_t type; ///< no meaning to the server
    std::uint32_t size; ///< bytes of payload that follow: 0 to kMaxPayload
};

inline constexpr std::size_t kHeaderSize = 8;
inline constexpr std::size_t kMaxPayload = 1016;
inline constexpr std::size_t kMaxMessage = kHeaderSize + kMaxPayload;

static_assert(sizeof(WireHeader) == kHeaderSize && alignof(WireHeader) == 4);
static_assert(kMaxMessage == 1024);

/// A header in the machine's own byte order.
struct Header {
    std::uint32_t type = 0;
    std::uint32_t size = 0;
};

/// Converts between network byte order and the machine's.
[[nodiscard]] constexpr std::uint32_t swap_network_order(std::uint32_t value) noexcept {
    if constexpr (std::endian::native == std::endian::big) {
        return value;
    }
    return __builtin_bswap32(value);
}

/// Reads the header at `at`, which need not be aligned and has kHeaderSize bytes.
[[nodiscard]] inline Header decode_header(const std::byte* at) noexcept {
    WireHeader wire;
    std::memcpy(&wire, at, sizeof wire);
    return {swap_network_order(wire.type), swap_network_order(wire.size)};
}

/// Writes `header` at `at`, which need not be aligned and has room for kHeaderSize bytes.
inline void encode_header(Header header, std::byte* at) noexcept {
    const WireHeader wire{swap_network_order(header.type), swap_network_order(header.size)};
    std::memcpy(at, &wire, sizeof wire);
}

/// Why a scan ended.
enum class ScanEnd : std::uint8_t {
    incomplete, ///< the rest, which may be empty, is not a whole frame
    invalid,    ///< the next header has a size above kMaxPayload
};

/// A run of whole valid frames at the front of some bytes.
struct Scan {
    std::size_t bytes = 0;    ///< length of the run
    std::uint32_t frames = 0; ///< frames in it
    ScanEnd end = ScanEnd::incomplete;
};

/// Finds the run of whole valid frames that `bytes` begins with.
[[nodiscard]] inline Scan scan_frames(std::span<const std::byte> bytes) noexcept {
    Scan scan;
    for (;;) {
        const std::size_t left = bytes.size() - scan.bytes;
        if (left < kHeaderSize) {
            return scan;
        }
        const std::size_t payload = decode_header(bytes.data() + scan.bytes).size;
        if (payload > kMaxPayload) {
            scan.end = ScanEnd::invalid;
            return scan;
        }
        if (left < kHeaderSize + payload) {
            return scan;
        }
        scan.bytes += kHeaderSize + payload;
        ++scan.frames;
    }
}

} // namespace echod
