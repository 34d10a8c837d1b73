// SPDX-License-Identifier: MIT
#include "net/network.hpp"

#include "base/units.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace echod {

namespace {

constexpr unsigned kAddressBits = 128;
constexpr unsigned kMappedBits = 96; // ::ffff:0:0/96

} // namespace

std::optional<IpBytes> ip_bytes(const Endpoint& endpoint) noexcept {
    IpBytes bytes{};
    if (endpoint.family() == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(endpoint.address());
        std::memcpy(bytes.data(), &v6->sin6_addr, bytes.size());
        return bytes;
    }
    if (endpoint.family() == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(endpoint.address());
        bytes[10] = bytes[11] = std::byte{0xff};
        std::memcpy(bytes.data() + kMappedBits / 8, &v4->sin_addr, sizeof v4->sin_addr);
        return bytes;
    }
    return std::nullopt;
}

Endpoint endpoint_of(const IpBytes& address, std::uint16_t port) noexcept {
    if (is_mapped(address)) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, address.data() + kMappedBits / 8, sizeof v4.sin_addr);
        return {reinterpret_cast<const sockaddr*>(&v4), sizeof v4};
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.data(), address.size());
    return {reinterpret_cast<const sockaddr*>(&v6), sizeof v6};
}

bool is_mapped(const IpBytes& address) noexcept {
    IpBytes first{};
    first[10] = first[11] = std::byte{0xff};
    return prefix_of(address, kMappedBits) == first;
}

IpBytes prefix_of(const IpBytes& address, unsigned length) noexcept {
    IpBytes prefix{};
    const std::size_t whole = std::min<std::size_t>(length / 8, address.size());
    std::copy_n(address.begin(), whole, prefix.begin());
    if (whole < address.size() && length % 8 != 0) {
        prefix[whole] = address[whole] & (std::byte{0xff} << (8 - length % 8));
    }
    return prefix;
}

bool IpNetwork::contains(const IpBytes& address) const noexcept {
    return (length >= kMappedBits || !is_mapped(address)) && prefix_of(address, length) == prefix;
}

std::optional<IpNetwork> parse_network(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const std::string_view host = text.substr(0, slash);
    if (!is_ip(host) || host.find('%') != std::string_view::npos) { // a network has no scope
        return std::nullopt;
    }
    std::array<char, INET6_ADDRSTRLEN> terminated{}; // is_ip() has checked that the host fits
    std::copy(host.begin(), host.end(), terminated.begin());
    IpNetwork network;
    unsigned before = 0;
    if (::inet_pton(AF_INET, terminated.data(), network.prefix.data() + kMappedBits / 8) == 1) {
        network.prefix[10] = network.prefix[11] = std::byte{0xff};
        before = kMappedBits;
    } else {
        (void)::inet_pton(AF_INET6, terminated.data(), network.prefix.data());
    }
    network.length = kAddressBits;
    if (slash != std::string_view::npos) {
        const auto length = parse_integer(text.substr(slash + 1), kAddressBits - before);
        if (!length) {
            return std::nullopt;
        }
        network.length = before + static_cast<unsigned>(*length);
    }
    const bool good = prefix_of(network.prefix, network.length) == network.prefix;
    return good ? std::optional(network) : std::nullopt;
}

} // namespace echod
