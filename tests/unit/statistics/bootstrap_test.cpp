// SPDX-License-Identifier: MIT
#include "client/statistics/bootstrap.hpp"
#include "tests/unit/statistics/samples.hpp"

#include <gtest/gtest.h>

using namespace echoload;

// scipy.stats.bootstrap((a, b), lambda x, y, axis: np.median(y, axis=axis) / np.median(x,
// axis=axis),
//                       method="percentile", n_resamples=200000): 1.0547, 1.1577
TEST(Bootstrap, OfTheRatioOfMediansIsNearlyThatOfScipy) {
    const Interval interval = bootstrap_ratio_of_medians(kBefore, kAfter);
    EXPECT_NEAR(interval.low, 1.0547, 0.005);
    EXPECT_NEAR(interval.high, 1.1577, 0.005);
}

// scipy.stats.bootstrap((b / a,), np.median, method="percentile", n_resamples=200000):
// 1.0691, 1.1336
TEST(Bootstrap, OfTheMedianOfRatiosIsNearlyThatOfScipy) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < kBefore.size(); ++i) {
        ratios.push_back(kAfter[i] / kBefore[i]);
    }
    const Interval interval = bootstrap_median(ratios);
    EXPECT_NEAR(interval.low, 1.0691, 0.005);
    EXPECT_NEAR(interval.high, 1.1336, 0.005);
}

TEST(Bootstrap, IsTheSameEachTime) {
    const Interval first = bootstrap_ratio_of_medians(kBefore, kAfter);
    const Interval second = bootstrap_ratio_of_medians(kBefore, kAfter);
    EXPECT_EQ(first.low, second.low);
    EXPECT_EQ(first.high, second.high);
}

TEST(Bootstrap, OfEqualRunsIsAPoint) {
    const Interval interval = bootstrap_ratio_of_medians({5, 5, 5}, {10, 10, 10});
    EXPECT_EQ(interval.low, 2);
    EXPECT_EQ(interval.high, 2);
}
