// SPDX-License-Identifier: MIT
#include "client/pace/reconnects.hpp"

#include <gtest/gtest.h>

#include <vector>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kReconnectsFrom{1000s};

// The delays of the first attempts of connection 0.
std::vector<Duration> delays_of(Reconnects& reconnects, std::size_t count) {
    std::vector<Duration> delays;
    for (std::size_t i = 0; i < count; ++i) {
        reconnects.add(0, kReconnectsFrom);
        delays.push_back(reconnects.next() - kReconnectsFrom);
        EXPECT_EQ(reconnects.take(reconnects.next()), 0U);
    }
    return delays;
}

} // namespace

TEST(Reconnects, TheFirstAttemptIsMadeAtOnceAndTheOthersAfterADelayThatDoublesUpToABound) {
    Reconnects reconnects(200, 1, 0);
    const std::vector<Duration> delays = delays_of(reconnects, 10);
    EXPECT_EQ(delays[0], 0s);
    Duration whole = Reconnects::kFirst;
    for (std::size_t i = 1; i < delays.size(); ++i) {
        EXPECT_GE(delays[i], whole / 2) << i;
        EXPECT_LE(delays[i], whole) << i;
        whole = std::min<Duration>(whole * 2, 200ms); // a millisecond for each connection
    }
}

TEST(Reconnects, TheBoundIsNeitherTooShortNorTooLong) {
    Reconnects one(1, 1, 0);
    const Duration short_one = delays_of(one, 10).back();
    EXPECT_GE(short_one, Reconnects::kLeastBound / 2);
    EXPECT_LE(short_one, Reconnects::kLeastBound);
    Reconnects many(1'000'000, 1, 0);
    const Duration long_one = delays_of(many, 300).back();
    EXPECT_GE(long_one, Reconnects::kMostBound / 2);
    EXPECT_LE(long_one, Reconnects::kMostBound);
}

TEST(Reconnects, AConnectionThatWorkedBeginsAgain) {
    Reconnects reconnects(200, 1, 0);
    EXPECT_GT(delays_of(reconnects, 5).back(), 20ms);
    reconnects.works(0);
    EXPECT_EQ(delays_of(reconnects, 1).back(), 0s);
}

TEST(Reconnects, TheSameSeedGivesTheSameDelaysAndLoopsDiffer) {
    Reconnects first(200, 7, 0);
    Reconnects same(200, 7, 0);
    Reconnects other(200, 7, 1);
    const std::vector<Duration> delays = delays_of(first, 8);
    EXPECT_EQ(delays, delays_of(same, 8));
    EXPECT_NE(delays, delays_of(other, 8));
}

TEST(Reconnects, ConnectionsAreTakenInTheOrderOfTheirTimes) {
    Reconnects reconnects(4, 1, 0);
    reconnects.add(2, kReconnectsFrom + 1ms);
    reconnects.add(1, kReconnectsFrom);
    EXPECT_EQ(reconnects.next(), kReconnectsFrom);
    EXPECT_EQ(reconnects.take(kReconnectsFrom), 1U);
    EXPECT_FALSE(reconnects.take(kReconnectsFrom));
    EXPECT_FALSE(reconnects.empty());
    EXPECT_EQ(reconnects.take(kReconnectsFrom + 1ms), 2U);
    EXPECT_TRUE(reconnects.empty());
    EXPECT_EQ(reconnects.next(), TimePoint::max());
}
