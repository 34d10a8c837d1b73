// SPDX-License-Identifier: MIT
// The header of the PROXY protocol, versions 1 and 2, with which a load balancer names its client:
// HAProxy's doc/proxy-protocol.txt. No allocation and no socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace echod {

/// The longest header that is accepted, in bytes. One of version 1 has at most 107; one of version
/// 2 is longer only with large TLVs, such as a client's certificate.
inline constexpr std::size_t kMaxProxyHeader = 16 + 4096;

/// The client that a header names. IPv4 addresses are in their IPv4-mapped form.
struct ProxySource {
    std::array<std::byte, 16> address{}; ///< in network byte order
    std::uint16_t port = 0;
    bool named = false; ///< false: the header names no IP address, so the peer's own applies

    bool operator==(const ProxySource&) const noexcept = default;
};

/// What the front of a stream is.
enum class ProxyParse : std::uint8_t {
    incomplete, ///< the front of a header, or nothing at all
    complete,   ///< a whole header
    invalid,    ///< no header, or one with an error in it
};

/// A header, as far as it is there.
struct ProxyHeader {
    ProxyParse parse = ProxyParse::incomplete;
    std::size_t size = 0; ///< its bytes, if it is complete
    ProxySource source;   ///< if it is complete

    bool operator==(const ProxyHeader&) const noexcept = default;
};

/// Reads the header that `bytes` begin with; what follows it is ignored. Of version 2, a CRC32c is
/// checked and other TLVs are skipped. UNKNOWN (version 1), LOCAL, UNSPEC, AF_UNIX and datagram
/// protocols (version 2) name no address.
[[nodiscard]] ProxyHeader parse_proxy_header(std::span<const std::byte> bytes) noexcept;

/// True if `bytes`, at least kHeaderSize of a frame, look like the front of a header.
[[nodiscard]] bool looks_like_proxy_header(std::span<const std::byte> bytes) noexcept;

} // namespace echod
