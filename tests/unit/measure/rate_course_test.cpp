// SPDX-License-Identifier: MIT
#include "client/measure/rate_course.hpp"

#include <gtest/gtest.h>

#include <numeric>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

std::uint64_t total(const RateCourse& course) {
    return std::accumulate(course.bins().begin(), course.bins().end(), std::uint64_t{0});
}

} // namespace

TEST(RateCourse, BinsBecomeLongerAndNoCountIsLost) {
    RateCourse course;
    for (int second = 0; second < 3600; ++second) {
        course.add(std::chrono::seconds(second), 2);
    }
    course.add(-1s, 1);
    EXPECT_EQ(total(course), 7201U);
    EXPECT_GE(course.width() * RateCourse::kBins, 3600s);
    EXPECT_LT(course.width() * RateCourse::kBins, 7200s) << "no longer than necessary";
    EXPECT_EQ(course.bins()[0], 2 * (1 + static_cast<std::uint64_t>(course.width() / 1s)) + 1);
}

TEST(RateCourse, OnesOfDifferentLengthAddUp) {
    RateCourse shorter;
    shorter.add(100ms, 5);
    RateCourse longer;
    longer.add(100ms, 7);
    longer.add(1h, 11);
    RateCourse sum = shorter;
    sum.merge(longer);
    EXPECT_EQ(sum.width(), longer.width());
    EXPECT_EQ(sum.bins()[0], 12U);
    longer.merge(shorter);
    EXPECT_EQ(longer.bins()[0], 12U);
    EXPECT_EQ(total(longer), 23U);
}
