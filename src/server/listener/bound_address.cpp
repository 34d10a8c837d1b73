// SPDX-License-Identifier: MIT
#include "server/listener/bound_address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace echod {

namespace {

const sockaddr_in& as_v4(const Endpoint& endpoint) noexcept {
    return reinterpret_cast<const sockaddr_in&>(*endpoint.address());
}

const sockaddr_in6& as_v6(const Endpoint& endpoint) noexcept {
    return reinterpret_cast<const sockaddr_in6&>(*endpoint.address());
}

} // namespace

bool is_bound_to(const Endpoint& bound, const Endpoint& wanted) noexcept {
    if (wanted.family() != bound.family() ||
        (wanted.port() != 0 && wanted.port() != bound.port())) {
        return false;
    }
    if (bound.family() == AF_INET) {
        return as_v4(bound).sin_addr.s_addr == as_v4(wanted).sin_addr.s_addr;
    }
    return IN6_ARE_ADDR_EQUAL(&as_v6(bound).sin6_addr, &as_v6(wanted).sin6_addr) &&
           as_v6(bound).sin6_scope_id == as_v6(wanted).sin6_scope_id;
}

bool is_wildcard(const Endpoint& endpoint) noexcept {
    if (endpoint.family() == AF_INET) {
        return as_v4(endpoint).sin_addr.s_addr == htonl(INADDR_ANY);
    }
    return endpoint.family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&as_v6(endpoint).sin6_addr);
}

bool overlap(const Endpoint& one, const Endpoint& other) noexcept {
    return one.family() == other.family() && one.port() == other.port() && one.port() != 0 &&
           (is_wildcard(one) || is_wildcard(other));
}

} // namespace echod
