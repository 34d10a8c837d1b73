// SPDX-License-Identifier: MIT
#include "client/options/source.hpp"

#include "base/units.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace echoload {

namespace {

// Offset and number of an address's bytes in its sockaddr, in network byte order.
std::pair<std::size_t, std::size_t> place_of_bytes(int family) {
    return family == AF_INET ? std::pair(offsetof(sockaddr_in, sin_addr), std::size_t{4})
                             : std::pair(offsetof(sockaddr_in6, sin6_addr), std::size_t{16});
}

echod::Endpoint plus(const echod::Endpoint& endpoint, std::uint64_t more) noexcept {
    sockaddr_storage storage{};
    std::memcpy(&storage, endpoint.address(), endpoint.length());
    const auto [offset, size] = place_of_bytes(endpoint.family());
    std::array<unsigned char, sizeof storage> bytes{};
    std::memcpy(bytes.data(), &storage, sizeof storage);
    for (std::size_t i = offset + size; i-- > offset && more != 0;) {
        more += bytes[i];
        bytes[i] = static_cast<unsigned char>(more & 0xffU);
        more >>= 8U;
    }
    std::memcpy(&storage, bytes.data(), sizeof storage);
    return {reinterpret_cast<const sockaddr*>(&storage), endpoint.length()};
}

bool host_bits_are_zero(const echod::Endpoint& endpoint, std::size_t prefix) {
    const auto [offset, size] = place_of_bytes(endpoint.family());
    std::array<unsigned char, sizeof(sockaddr_storage)> bytes{};
    std::memcpy(bytes.data(), endpoint.address(), endpoint.length());
    for (std::size_t bit = prefix; bit < size * 8; ++bit) {
        if ((bytes[offset + bit / 8] >> (7 - bit % 8) & 1U) != 0) {
            return false;
        }
    }
    return true;
}

} // namespace

SourceRange SourceRange::parse(std::string_view text) {
    SourceRange range;
    range.text_ = text;
    const std::size_t slash = text.find('/');
    const auto address = echod::parse_ip(text.substr(0, slash), 0);
    if (!address) {
        throw std::invalid_argument(fmt::format(
            "must be an IPv4 or IPv6 address, or a network such as 127.0.0.0/8, is '{}'", text));
    }
    range.first_ = *address;
    if (slash == std::string_view::npos) {
        return range;
    }
    const std::size_t bits = place_of_bytes(address->family()).second * 8;
    const auto prefix = echod::parse_integer(text.substr(slash + 1));
    if (!prefix || *prefix < 1 || *prefix > bits || !host_bits_are_zero(*address, *prefix)) {
        throw std::invalid_argument(
            fmt::format("must be a network, all bits after its prefix of 1 to {} being 0, is '{}'",
                        bits, text));
    }
    const std::size_t host_bits = bits - *prefix;
    range.count_ =
        host_bits >= 63 ? std::numeric_limits<std::uint64_t>::max() : std::uint64_t{1} << host_bits;
    if (host_bits >= 2) { // without the addresses of the network itself and of the broadcast
        range.first_ = plus(range.first_, 1);
        range.count_ -= 2;
    }
    return range;
}

echod::Endpoint SourceRange::of(std::uint64_t number) const noexcept {
    return plus(first_, number % count_);
}

} // namespace echoload
