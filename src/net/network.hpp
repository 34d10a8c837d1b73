// SPDX-License-Identifier: MIT
// IP networks: a prefix and its length.
#pragma once

#include "net/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace echod {

/// An IPv6 address in network byte order; an IPv4 address as its IPv4-mapped form (RFC 4291,
/// 2.5.5.2).
using IpBytes = std::array<std::byte, 16>;

/// The address of `endpoint`; nothing if it is not an IP address.
[[nodiscard]] std::optional<IpBytes> ip_bytes(const Endpoint& endpoint) noexcept;

/// The socket address of that address and port: an IPv4 one for an IPv4-mapped address.
[[nodiscard]] Endpoint endpoint_of(const IpBytes& address, std::uint16_t port) noexcept;

/// True for the IPv4-mapped form of an IPv4 address.
[[nodiscard]] bool is_mapped(const IpBytes& address) noexcept;

/// `address` with all bits behind the first `length` cleared.
[[nodiscard]] IpBytes prefix_of(const IpBytes& address, unsigned length) noexcept;

/// A network, such as 192.0.2.0/24 or 2001:db8::/32.
struct IpNetwork {
    IpBytes prefix{};
    unsigned length = 0; ///< in bits of IpBytes: 96 more than that of an IPv4 network

    /// True if `address` is in it. ::/0 contains no IPv4 address.
    [[nodiscard]] bool contains(const IpBytes& address) const noexcept;
    bool operator==(const IpNetwork&) const noexcept = default;
};

/// Reads "192.0.2.0/24", "2001:db8::/32" or an address alone, which is a network of one. Nothing if
/// `text` is none of these or has a bit set behind the prefix.
[[nodiscard]] std::optional<IpNetwork> parse_network(std::string_view text) noexcept;

} // namespace echod
