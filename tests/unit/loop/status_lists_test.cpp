// SPDX-License-Identifier: MIT
#include "server/loop/status_lists.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

using namespace echod;
using namespace std::chrono_literals;

TEST(StatusLists, AreMadeAtMostTenTimesASecond) {
    const TimePoint start{1h};
    Epoll epoll;
    Counters counters;
    const auto clients = std::make_unique<Clients>(epoll, counters);
    StatusLists lists;
    lists.update(*clients, start);
    EXPECT_TRUE(lists.oldest().empty());

    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
    const UniqueFd peer(pair[1]);
    ASSERT_EQ(clients->add(UniqueFd(pair[0]), Endpoint{}, start), 0);
    lists.update(*clients, start + 99ms);
    EXPECT_TRUE(lists.oldest().empty());
    lists.update(*clients, start + 100ms);
    EXPECT_EQ(lists.oldest().size(), 1U);
    EXPECT_EQ(lists.busiest().size(), 1U);
}
