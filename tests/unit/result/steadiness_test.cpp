// SPDX-License-Identifier: MIT
#include "client/result/steadiness.hpp"

#include <gtest/gtest.h>

#include <random>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// One count for each of the arrivals of a random process whose rate changes from `first` to `last`.
RateCourse arrivals(double first, double last, Duration window, unsigned seed) {
    std::mt19937 random(seed);
    RateCourse course;
    const double seconds = echod::to_seconds(window);
    for (double at = 0; at < seconds;) {
        course.add(Duration(static_cast<std::int64_t>(at * 1e9)), 1);
        at += std::exponential_distribution<>(first + (last - first) * at / seconds)(random);
    }
    return course;
}

} // namespace

TEST(Steadiness, ARateThatFallsIsNotSteadyAndItsThirdsAreGiven) {
    // From 1,200 to 600 a second: the thirds have a mean of 1,100 and 700.
    const auto found = find_steadiness(arrivals(1200, 600, 10s, 1), 10s);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->steady);
    EXPECT_NEAR(found->first_third_per_s, 1100, 60);
    EXPECT_NEAR(found->last_third_per_s, 700, 60);
    EXPECT_NEAR(found->change(), -0.36, 0.05);
    EXPECT_FALSE(find_steadiness(arrivals(600, 1200, 10s, 1), 10s)->steady) << "a rate that grows";
}

// Three standard errors: 0.3 % of steady runs are outside, and few of those by a tenth.
TEST(Steadiness, RandomArrivalsOfOneRateAreSteady) {
    int not_steady = 0;
    for (unsigned seed = 0; seed < 200; ++seed) {
        not_steady += find_steadiness(arrivals(50, 50, 10s, seed), 10s)->steady ? 0 : 1;
    }
    EXPECT_LE(not_steady, 4);
}

TEST(Steadiness, ASmallDriftIsSteady) {
    EXPECT_TRUE(find_steadiness(arrivals(10'000, 9'300, 10s, 1), 10s)->steady);
}

TEST(Steadiness, AShortRunIsNotJudged) {
    EXPECT_FALSE(find_steadiness(arrivals(1000, 10, 900ms, 1), 900ms));
    EXPECT_TRUE(find_steadiness(arrivals(1000, 10, 1s, 1), 1s));
    EXPECT_FALSE(find_steadiness(arrivals(1000, 10, 1s, 1), 1s)->steady);
}

TEST(Steadiness, ARunThatStoppedIsNotSteady) {
    RateCourse course;
    for (int i = 0; i < 1000; ++i) {
        course.add(i * 1ms, 1);
    }
    const auto found = find_steadiness(course, 10s);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->steady);
    EXPECT_DOUBLE_EQ(found->last_third_per_s, 0);
}
