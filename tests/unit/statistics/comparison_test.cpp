// SPDX-License-Identifier: MIT
#include "client/statistics/bootstrap.hpp"
#include "client/statistics/comparison.hpp"
#include "client/statistics/ranks.hpp"
#include "tests/unit/statistics/samples.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

using namespace echoload;

TEST(Factor, OfIndependentRunsIsTheRatioOfTheMediansAndCoversBothIntervals) {
    const Factor factor = factor_of_samples(kBefore, kAfter);
    EXPECT_DOUBLE_EQ(factor.estimate, 109.3 / 100.2);
    const Interval drawn = bootstrap_ratio_of_medians(kBefore, kAfter);
    const Interval ranks = rank_sum_interval(kBefore, kAfter);
    EXPECT_EQ(factor.interval.low, std::min(drawn.low, ranks.low));
    EXPECT_EQ(factor.interval.high, std::max(drawn.high, ranks.high));
}

TEST(Factor, OfPairsIsNotChangedByWhatBothHaveInCommon) {
    std::vector<double> before = kBefore;
    std::vector<double> after = kAfter;
    for (std::size_t i = 0; i < before.size(); ++i) {
        before[i] *= static_cast<double>(1U << i); // each pair is twice as slow as the one before
        after[i] *= static_cast<double>(1U << i);
    }
    const Factor factor = factor_of_pairs(before, after);
    const Factor without = factor_of_pairs(kBefore, kAfter);
    EXPECT_DOUBLE_EQ(factor.estimate, without.estimate);
    EXPECT_DOUBLE_EQ(factor.interval.low, 1.0664621676891615);
    EXPECT_DOUBLE_EQ(factor.interval.high, 1.1595744680851063);
}

TEST(Factor, OfFiguresThatAreZeroIsOne) {
    const Factor factor = factor_of_samples({0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0});
    EXPECT_EQ(factor.estimate, 1);
    EXPECT_EQ(decide(factor.interval, {1, true}), Decision::within);
}

TEST(Decide, ByWhereTheIntervalLies) {
    const Factor factor{1.1, {1.05, 1.15}};
    EXPECT_EQ(decide(factor.interval, {1.04, true}), Decision::beyond);
    EXPECT_EQ(decide(factor.interval, {1.05, true}), Decision::undecided);
    EXPECT_EQ(decide(factor.interval, {1.10, true}), Decision::undecided);
    EXPECT_EQ(decide(factor.interval, {1.15, true}), Decision::within);
    EXPECT_EQ(decide(factor.interval, {1.16, false}), Decision::beyond);
    EXPECT_EQ(decide(factor.interval, {1.15, false}), Decision::undecided);
    EXPECT_EQ(decide(factor.interval, {1.05, false}), Decision::within);
}

TEST(Decide, AnInclusiveLimitItselfIsBeyond) {
    EXPECT_EQ(decide({1, 1}, {1, true, true}), Decision::beyond);
    EXPECT_EQ(decide({1, 1}, {1, true, false}), Decision::within);
    EXPECT_EQ(decide({1, 1}, {1, false, true}), Decision::beyond);
    EXPECT_EQ(decide({0, 0}, {1, true, true}), Decision::within);
    EXPECT_EQ(decide({0, 1}, {1, true, true}), Decision::undecided);
}

TEST(Centre, OfASampleIsItsMedianWithTheIntervalOfRanks) {
    const Factor centre = centre_of_sample({3, 1, 2, 6, 5, 4});
    EXPECT_EQ(centre.estimate, 3.5);
    EXPECT_EQ(centre.interval.low, 1);
    EXPECT_EQ(centre.interval.high, 6);
}

// The interval has to shrink from ln(1.21 / 1.1) = 0.0953 to ln(1.155 / 1.1) = 0.0488, for which
// (0.0953 / 0.0488)^2 = 3.82 times as many runs are needed: 23 instead of 6.
// To ln(1.2 / 1.1) = 0.0870, (0.0953 / 0.0870)^2 = 1.20 times as many: 8.
TEST(MoreRuns, AreAsManyAsShrinkTheIntervalToTheLimit) {
    const Factor factor{1.1, {1.0, 1.21}};
    EXPECT_EQ(more_runs(factor, 1.155, 6), 17U);
    EXPECT_EQ(more_runs(factor, 1.2, 6), 2U);
    EXPECT_EQ(more_runs(factor, 1.0, 6), 1U);
}

TEST(MoreRuns, AreUnknownAtTheLimitOrWithoutAnInterval) {
    EXPECT_EQ(more_runs({1.1, {1.0, 1.21}}, 1.1, 6), std::nullopt);
    EXPECT_EQ(more_runs({1.1, {1.0, 1.21}}, 1.101, 6), std::nullopt);
    EXPECT_EQ(more_runs({1.1, {0, std::numeric_limits<double>::infinity()}}, 1.2, 6), std::nullopt);
    EXPECT_EQ(more_runs({1.1, {1.0, 1.21}}, -0.5, 6), std::nullopt);
}
