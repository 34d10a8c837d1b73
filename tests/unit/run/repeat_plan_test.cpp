// SPDX-License-Identifier: MIT
#include "client/run/repeat_plan.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

using namespace echoload;

namespace {

std::string order_of(const std::vector<PlannedRun>& plan) {
    std::string text;
    for (const PlannedRun& run : plan) {
        text += run.is_b ? 'B' : 'A';
    }
    return text;
}

} // namespace

TEST(SeriesPlan, OneSideHasABlockPerRunAndASeedPerRun) {
    const auto plan = plan_series(5, false, 7);
    EXPECT_EQ(order_of(plan), "AAAAA");
    std::set<std::uint64_t> seeds;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        EXPECT_EQ(plan[i].block, i + 1);
        EXPECT_LT(plan[i].seed, std::uint64_t{1} << 53U);
        seeds.insert(plan[i].seed);
    }
    EXPECT_EQ(seeds.size(), 5U);
}

TEST(SeriesPlan, TwoSidesTakeTurnsInBlocksOfFour) {
    const auto plan = plan_series(40, true, 7);
    const std::string order = order_of(plan);
    ASSERT_EQ(order.size(), 80U);
    std::set<std::string> blocks;
    for (std::size_t i = 0; i < order.size(); i += 4) {
        blocks.insert(order.substr(i, 4));
        EXPECT_EQ(plan[i].block, i / 4 + 1);
        EXPECT_EQ(plan[i + 3].block, i / 4 + 1);
    }
    EXPECT_EQ(blocks, (std::set<std::string>{"ABBA", "BAAB"}));
}

TEST(SeriesPlan, AnOddNumberOfRunsEndsWithABlockOfTwo) {
    const auto plan = plan_series(3, true, 7);
    const std::string order = order_of(plan);
    ASSERT_EQ(order.size(), 6U);
    EXPECT_TRUE(order.ends_with("AB") || order.ends_with("BA")) << order;
    EXPECT_EQ(plan.back().block, 2U);
}

TEST(SeriesPlan, DependsOnTheSeedOnly) {
    EXPECT_EQ(order_of(plan_series(30, true, 1)), order_of(plan_series(30, true, 1)));
    EXPECT_NE(order_of(plan_series(30, true, 1)), order_of(plan_series(30, true, 2)));
    EXPECT_NE(plan_series(1, false, 1)[0].seed, plan_series(1, false, 2)[0].seed);
}
