// SPDX-License-Identifier: MIT
#include "server/config/addresses.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace echod {

namespace {

// An address in one spelling.
struct ParsedAddress {
    std::string text; ///< "::1", "fe80::1%eth0", "*"
    int family = AF_UNSPEC;
    bool wildcard = false;
};

// The dotted form of an IPv4-mapped address.
std::optional<std::string> mapped_ipv4(const in6_addr& v6) {
    if (!IN6_IS_ADDR_V4MAPPED(&v6)) {
        return std::nullopt;
    }
    return fmt::format("{}.{}.{}.{}", v6.s6_addr[12], v6.s6_addr[13], v6.s6_addr[14],
                       v6.s6_addr[15]);
}

ParsedAddress parse_address(const std::string& text) {
    if (text == kEveryAddress) {
        return {text, AF_UNSPEC, true};
    }
    const std::size_t percent = std::min(text.find('%'), text.size());
    const std::string host = text.substr(0, percent);
    in6_addr v6{};
    if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) {
        return {text, AF_INET, text == "0.0.0.0"};
    }
    char spelled[INET6_ADDRSTRLEN] = {};
    (void)::inet_ntop(AF_INET6, &v6, spelled, sizeof spelled);
    return {spelled + text.substr(percent), AF_INET6, IN6_IS_ADDR_UNSPECIFIED(&v6) != 0};
}

// What is wrong with an address alone; empty: nothing.
std::string fault_of(const std::string& text) {
    in6_addr v6{};
    if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) {
        return "";
    }
    if (const auto v4 = mapped_ipv4(v6)) {
        return fmt::format("must be the IPv4 address \"{}\", is its IPv4-mapped form \"{}\"", *v4,
                           text);
    }
    if (IN6_IS_ADDR_LINKLOCAL(&v6)) {
        return fmt::format("must name the interface of a link-local address, as \"{}%eth0\", is "
                           "\"{}\"",
                           text, text);
    }
    return "";
}

} // namespace

// Sorted, because a file may have a hundred thousand addresses, and a reload runs in the loop.
std::vector<AddressConflict> address_conflicts(const std::vector<std::string>& addresses) {
    std::vector<ParsedAddress> all;
    std::map<int, std::size_t> wildcards; // by family
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        all.push_back(parse_address(addresses[i]));
        if (all.back().wildcard) {
            wildcards.emplace(all.back().family, i);
        }
    }
    std::vector<AddressConflict> conflicts;
    std::map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        std::string fault = fault_of(addresses[i]);
        const auto [same, is_first] = seen.emplace(all[i].text, i);
        if (fault.empty() && !is_first) {
            fault = fmt::format("must have each address once, is \"{}\" after \"{}\"", addresses[i],
                                addresses[same->second]);
        }
        for (const int family : {AF_UNSPEC, all[i].family}) {
            const auto wildcard = wildcards.find(family);
            if (fault.empty() && wildcard != wildcards.end() && wildcard->second != i) {
                fault = fmt::format("must not have \"{}\" beside \"{}\", which includes it",
                                    addresses[i], addresses[wildcard->second]);
            }
        }
        if (!fault.empty()) {
            conflicts.push_back({i, std::move(fault)});
        }
    }
    return conflicts;
}

} // namespace echod
