// SPDX-License-Identifier: MIT
#include "server/loop/harvest.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>
#include <set>
#include <vector>

using namespace echod;

namespace {

// Event descriptors, each readable and registered under its number.
struct Ready {
    explicit Ready(std::uint64_t count, std::uint32_t events = EPOLLIN | EPOLLET) {
        for (std::uint64_t token = 0; token < count; ++token) {
            fds.emplace_back(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
            EXPECT_EQ(epoll.add(fds.back().get(), events, token), 0);
        }
    }
    // The tokens of one harvest of `connections` connections, through an array of eight events.
    std::multiset<std::uint64_t> tokens(std::size_t connections) {
        std::multiset<std::uint64_t> found;
        std::array<epoll_event, 8> events{};
        const int first = epoll.wait(events, Duration::zero());
        const int total = harvest(epoll, events, first, connections,
                                  [&](std::uint64_t token, std::uint32_t) { found.insert(token); });
        EXPECT_EQ(static_cast<std::size_t>(total), found.size());
        return found;
    }
    Epoll epoll;
    std::vector<UniqueFd> fds;
};

} // namespace

TEST(Harvest, EveryEventThatIsReadyBelongsToTheIteration) {
    for (const std::uint64_t count : {0U, 1U, 7U, 8U, 9U, 16U, 500U}) {
        Ready ready(count);
        const std::multiset<std::uint64_t> found = ready.tokens(count);
        EXPECT_EQ(found.size(), count);
        EXPECT_EQ(std::set<std::uint64_t>(found.begin(), found.end()).size(), count);
    }
}

TEST(Harvest, SocketsThatStayReadyDoNotKeepItGoing) {
    Ready ready(20, EPOLLIN); // level-triggered: reported by every wait
    EXPECT_EQ(ready.tokens(20).size(), 8U * (1 + 20 / 8 + 1));
}
