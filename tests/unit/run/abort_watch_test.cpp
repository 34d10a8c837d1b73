// SPDX-License-Identifier: MIT
#include "client/run/abort_watch.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// An interval with `count` echoes of that latency, up to `measured` of the measured part.
LiveInterval interval_of(std::optional<Duration> measured, std::uint64_t count, Duration latency) {
    LiveInterval interval;
    interval.measured = measured;
    interval.tally.messages.sent = count;
    interval.tally.messages.in_window = count;
    interval.tally.service.record(latency, count);
    return interval;
}

Gates ending(std::initializer_list<const char*> texts) {
    Gates gates;
    for (const char* text : texts) {
        gates.push_back(Condition::parse_ending(text));
    }
    return gates;
}

} // namespace

TEST(AbortWatch, TheFirstConditionThatHoldsIsNotedOnce) {
    AbortWatch watch(ending({"rate<10", "p99>1ms"}), false);
    EXPECT_FALSE(watch.add(interval_of(std::nullopt, 1000, 5ms))) << "not measured yet";
    watch = AbortWatch(ending({"rate<10", "p99>1ms"}), false);
    EXPECT_FALSE(watch.add(interval_of(1s, 1000, 1us)));
    EXPECT_FALSE(watch.aborted());
    EXPECT_TRUE(watch.add(interval_of(2s, 1000, 2ms)));
    ASSERT_TRUE(watch.aborted());
    EXPECT_EQ(watch.aborted()->condition.text, "p99>1ms");
    EXPECT_EQ(watch.aborted()->after, Duration(2s));
    EXPECT_NEAR(watch.aborted()->measured, 2e6, 2e3);
    EXPECT_FALSE(watch.add(interval_of(3s, 1000, 2ms))) << "it was noted";
}

TEST(AbortWatch, TheFiguresAreThoseSoFar) {
    AbortWatch watch(ending({"p99>1ms"}), false);
    EXPECT_FALSE(watch.add(interval_of(1s, 10'000, 1us)));
    EXPECT_FALSE(watch.add(interval_of(2s, 90, 1s))) << "less than a hundredth of all so far";
    EXPECT_TRUE(watch.add(interval_of(3s, 90, 1s)));
}

TEST(AbortWatch, ShortIntervalsAreJudgedOnceASecond) {
    AbortWatch watch(ending({"rate>50"}), false);
    for (int i = 1; i < 10; ++i) {
        EXPECT_FALSE(watch.add(interval_of(i * 100ms, 100, 1ms))) << i;
    }
    EXPECT_TRUE(watch.add(interval_of(1s, 100, 1ms)));
    EXPECT_EQ(watch.aborted()->measured, 1000);
}

TEST(AbortWatch, APercentileOfTooFewValuesIsNotJudged) {
    AbortWatch watch(ending({"p99.9>1ms"}), false);
    EXPECT_FALSE(watch.add(interval_of(1s, 999, 5ms)));
    EXPECT_TRUE(watch.add(interval_of(2s, 1, 5ms)));
}

TEST(AbortWatch, WithoutConditionsNothingEndsTheRun) {
    AbortWatch watch({}, false);
    EXPECT_FALSE(watch.add(interval_of(5s, 0, 1ms)));
}
