// SPDX-License-Identifier: MIT
#include "server/listener/passed_difference.hpp"

#include "net/address.hpp"
#include "server/listener/bound_address.hpp"
#include "server/listener/socket_unit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace echod {

namespace {

// Where the TCP sockets listen. One that serves both families has two entries.
std::vector<Endpoint> tcp_endpoints(const std::vector<Listener>& listeners) {
    std::vector<Endpoint> endpoints;
    for (const Listener& listener : listeners) {
        const Endpoint bound = local_endpoint(listener.fd.get());
        if (bound.family() != AF_INET && bound.family() != AF_INET6) {
            continue;
        }
        endpoints.push_back(bound);
        int v6_only = 1;
        socklen_t size = sizeof v6_only;
        (void)::getsockopt(listener.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size);
        if (is_wildcard(bound) && v6_only == 0) {
            if (const auto v4 = parse_ip("0.0.0.0", bound.port())) {
                endpoints.push_back(*v4);
            }
        }
    }
    return endpoints;
}

bool are_the_same(const std::vector<Endpoint>& passed, const std::vector<std::string>& addresses,
                  std::uint16_t port) {
    std::vector<Endpoint> configured;
    for (const std::string& address : addresses) {
        if (const auto endpoint = parse_ip(address, port)) {
            configured.push_back(*endpoint);
        }
    }
    const bool all_passed =
        configured.size() == addresses.size() &&
        std::all_of(configured.begin(), configured.end(), [&](const Endpoint& wanted) {
            return std::any_of(passed.begin(), passed.end(),
                               [&](const Endpoint& bound) { return is_bound_to(bound, wanted); });
        });
    const bool all_configured =
        std::all_of(passed.begin(), passed.end(), [&](const Endpoint& bound) {
            return std::any_of(configured.begin(), configured.end(),
                               [&](const Endpoint& wanted) { return is_bound_to(bound, wanted); });
        });
    return all_passed && all_configured;
}

} // namespace

std::string describe_passed_difference(const std::vector<Listener>& listeners,
                                       const Config::Listen& listen) {
    std::vector<std::string> served;
    for (const Listener& listener : listeners) {
        if (listener.passed) {
            served.push_back(listener.name);
        }
    }
    const std::vector<std::string> addresses = expand_addresses(listen.addresses);
    if (served.empty() || are_the_same(tcp_endpoints(listeners), addresses, listen.port)) {
        return "";
    }
    std::vector<std::string> configured;
    configured.reserve(addresses.size());
    for (const std::string& address : addresses) {
        configured.push_back(address_name(address, listen.port));
    }
    const bool stored = std::any_of(listeners.begin(), listeners.end(),
                                    [](const Listener& listener) { return listener.stored; });
    const std::string remedy =
        stored && may_open_sockets()
            ? fmt::format("systemctl reload {}", service_unit())
            : fmt::format("systemctl disable --now {}; systemctl enable --now {}", socket_unit(),
                          service_unit());
    return fmt::format("the sockets that systemd passes differ from [listen]: {} are served, and "
                       "not {}; to serve those of the file: {}; to keep the sockets: edit the file",
                       fmt::join(served, ", "), fmt::join(configured, ", "), remedy);
}

} // namespace echod
