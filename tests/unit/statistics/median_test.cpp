// SPDX-License-Identifier: MIT
#include "client/statistics/median.hpp"

#include <gtest/gtest.h>

#include <limits>

using namespace echoload;

TEST(Median, IsTheMiddleOrTheMeanOfTheTwoInTheMiddle) {
    EXPECT_EQ(median({7}), 7);
    EXPECT_EQ(median({3, 1, 2}), 2);
    EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
    const double infinite = std::numeric_limits<double>::infinity();
    EXPECT_EQ(median({infinite, infinite}), infinite);
}

TEST(Ratio, OfNothingToNothingIsOne) {
    EXPECT_EQ(ratio(2, 3), 1.5);
    EXPECT_EQ(ratio(2, 0), 0);
    EXPECT_EQ(ratio(0, 0), 1);
    EXPECT_EQ(ratio(0, 1), std::numeric_limits<double>::infinity());
}
