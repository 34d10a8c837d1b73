// SPDX-License-Identifier: MIT
#include "server/handover/matching.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace echod {

namespace {

// (cookie, index), sorted.
using Cookies = std::vector<std::pair<std::uint64_t, std::size_t>>;

template <class Range, class CookieOf>
Cookies sorted_cookies(const Range& range, CookieOf&& cookie_of) {
    Cookies cookies;
    cookies.reserve(range.size());
    for (std::size_t i = 0; i < range.size(); ++i) {
        if (const std::uint64_t cookie = cookie_of(range[i]); cookie != 0) {
            cookies.emplace_back(cookie, i);
        }
    }
    std::sort(cookies.begin(), cookies.end());
    return cookies;
}

} // namespace

MatchedConnections match_descriptors(std::span<const ParkedConnection> connections,
                                     ReceivedDescriptors received) {
    MatchedConnections matched;
    const Cookies known =
        sorted_cookies(connections, [](const ParkedConnection& one) { return one.cookie; });
    const Cookies came =
        sorted_cookies(received.fds, [](const UniqueFd& fd) { return socket_cookie(fd.get()); });
    matched.connections.reserve(connections.size());
    matched.fds.reserve(connections.size());
    auto fd = came.begin();
    for (const auto& [cookie, index] : known) {
        while (fd != came.end() && fd->first < cookie) {
            ++fd;
        }
        if (fd != came.end() && fd->first == cookie) {
            matched.connections.push_back(connections[index]);
            matched.fds.push_back(std::move(received.fds[fd->second]));
            ++fd;
        }
    }
    return matched;
}

} // namespace echod
