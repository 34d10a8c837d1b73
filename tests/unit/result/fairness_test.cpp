// SPDX-License-Identifier: MIT
#include "client/result/fairness.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

TEST(Fairness, ComparesTheSlowestTenthWithTheFastest) {
    std::vector<ConnectionUse> connections;
    for (std::uint64_t i = 0; i < 20; ++i) { // means of 1 ms to 20 ms
        connections.push_back({i, static_cast<std::uint16_t>(40'000 + i), 10, (i + 1) * 10ms});
    }
    connections.push_back({20, 40'020, 0, 0ms});
    const auto fairness = find_fairness(connections);
    ASSERT_TRUE(fairness);
    EXPECT_EQ(fairness->connections, 20U);
    EXPECT_EQ(fairness->without_values, 1U);
    EXPECT_EQ(fairness->slowest_decile, Duration(19'500us));
    EXPECT_EQ(fairness->fastest_decile, Duration(1500us));
    ASSERT_EQ(fairness->worst.size(), 5U);
    EXPECT_EQ(fairness->worst[0].connection, 19U);
    EXPECT_EQ(fairness->worst[0].port, 40'019);
    EXPECT_EQ(fairness->worst[0].mean(), Duration(20ms));
    EXPECT_EQ(fairness->worst[4].connection, 15U);
}

TEST(Fairness, OfFewerThanTenATenthIsOne) {
    const auto fairness = find_fairness({{0, 1, 1, 1ms}, {1, 2, 1, 5ms}, {2, 3, 1, 2ms}});
    ASSERT_TRUE(fairness);
    EXPECT_EQ(fairness->slowest_decile, Duration(5ms));
    EXPECT_EQ(fairness->fastest_decile, Duration(1ms));
    EXPECT_EQ(fairness->worst.size(), 3U);
}

TEST(Fairness, NeedsSomethingToCompare) {
    EXPECT_FALSE(find_fairness({}));
    EXPECT_FALSE(find_fairness({{0, 1, 1, 1ms}}));
    EXPECT_FALSE(find_fairness({{0, 1, 0, 0ms}, {1, 2, 0, 0ms}}));
    EXPECT_EQ(find_fairness({{0, 1, 1, 1ms}, {1, 2, 0, 0ms}})->without_values, 1U)
        << "one that is served beside one that starves";
}
