// SPDX-License-Identifier: MIT
#include "client/load/interval_publisher.hpp"
#include "client/load/loop_meter.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kMeterStart(1000s);

} // namespace

TEST(LoopMeter, IterationsWithEventsAreMeasuredFromTheWakeUp) {
    LoopMeter meter;
    meter.begin(kMeterStart);
    meter.woke(kMeterStart + 10ms);
    meter.begin_iteration(kMeterStart + 13ms);
    meter.begin_iteration(kMeterStart + 20ms); // nothing came before it
    meter.woke(kMeterStart + 30ms);
    meter.begin_iteration(kMeterStart + 31ms);
    meter.end(kMeterStart + 40ms);
    ASSERT_TRUE(meter.result());
    EXPECT_EQ(meter.result()->turns, 2U);
    EXPECT_EQ(meter.result()->longest_turn, Duration(3ms));
    EXPECT_EQ(meter.result()->turns_total, Duration(4ms));
    EXPECT_EQ(meter.result()->wall, Duration(40ms));
}

TEST(LoopMeter, APollThatWasInterruptedCountsInPart) {
    LoopMeter meter;
    meter.begin(kMeterStart);
    meter.polled(kMeterStart);
    meter.begin_iteration(kMeterStart + 2us);
    meter.polled(kMeterStart + 2us);
    meter.begin_iteration(kMeterStart + 10ms);
    meter.polled_for(3us);
    meter.polled_for(10ms);
    meter.end(kMeterStart + 10ms);
    EXPECT_EQ(meter.result()->polled, Duration(105us));
}

// A sleep that ends late and a turn that takes too long: the thread was stopped, or had no
// processor.
TEST(LoopMeter, TheTimeInWhichTheLoopDidNotRunIsAGap) {
    LoopMeter meter;
    meter.begin(kMeterStart);
    meter.sleeps_until(kMeterStart + 39ms);
    meter.begin_iteration(kMeterStart + 45ms); // a little late
    meter.sleeps_until(kMeterStart + 80ms);
    meter.woke(kMeterStart + 2080ms); // with an event
    meter.begin_iteration(kMeterStart + 2081ms);
    meter.sleeps_until(kMeterStart + 3s);
    meter.woke(kMeterStart + 2090ms);
    meter.begin_iteration(kMeterStart + 3090ms);
    meter.end(kMeterStart + 4s);
    EXPECT_EQ(meter.result()->gaps, Duration(3s));
    EXPECT_EQ(meter.result()->longest_gap, Duration(2s));
    EXPECT_TRUE(meter.result()->waited);
}

TEST(LoopMeter, OfAGapAcrossTheBeginningThePartAfterItCounts) {
    LoopMeter asleep;
    asleep.sleeps_until(kMeterStart - 1s);
    asleep.begin(kMeterStart);
    asleep.woke(kMeterStart + 2s);
    asleep.end(kMeterStart + 3s);
    EXPECT_EQ(asleep.result()->gaps, Duration(2s));
    LoopMeter busy;
    busy.woke(kMeterStart - 1s);
    busy.begin(kMeterStart);
    busy.begin_iteration(kMeterStart + 100ms);
    busy.end(kMeterStart + 3s);
    EXPECT_EQ(busy.result()->gaps, Duration(100ms));
    EXPECT_EQ(busy.result()->turns_total, Duration(100ms));
}

TEST(LoopMeter, NothingIsMeasuredBeforeTheBeginningOrAfterTheEnd) {
    LoopMeter meter;
    meter.woke(kMeterStart);
    meter.begin_iteration(kMeterStart + 5ms);
    meter.end(kMeterStart + 5ms);
    EXPECT_FALSE(meter.ended());
    meter.begin(kMeterStart + 10ms);
    meter.end(kMeterStart + 20ms);
    meter.woke(kMeterStart + 20ms);
    meter.begin_iteration(kMeterStart + 30ms);
    meter.end(kMeterStart + 40ms);
    EXPECT_EQ(meter.result()->turns, 0U);
    EXPECT_EQ(meter.result()->wall, Duration(10ms));
}

TEST(IntervalPublisher, IntervalsThatWereNotTakenAreAddedUp) {
    IntervalPublisher intervals(1s, kMeterStart);
    EXPECT_FALSE(intervals.take());
    Tally tally;
    tally.messages.sent = 3;
    const std::uint32_t five = 5;
    const std::uint32_t four = 4;
    Outage outage;
    outage.target = "a:1";
    LoopOutages outages;
    outages.add(outage);
    intervals.publish({{&tally, 1}, {&five, 1}, outages}, kMeterStart + 1s);
    intervals.publish({{&tally, 1}, {&four, 1}, outages}, kMeterStart + 2s);
    const auto taken = intervals.take();
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->tally.messages.sent, 6U);
    EXPECT_EQ(taken->open, 4U);
    EXPECT_EQ(taken->addresses.front().open, 4U);
    EXPECT_EQ(taken->outages->ended.size(), 2U);
    EXPECT_FALSE(intervals.take());
}

TEST(IntervalPublisher, EverythingWithoutARightEchoIsAFailure) {
    IntervalPublisher intervals(1s, kMeterStart);
    Tally tally;
    tally.messages.wrong = 1;
    tally.messages.timed_out = 2;
    tally.messages.lost = 4;
    tally.errors.add(Phase::read, 5, 8);
    const std::uint32_t one = 1;
    intervals.publish({{&tally, 1}, {&one, 1}, std::nullopt}, kMeterStart + 1s);
    EXPECT_EQ(intervals.take()->addresses.front().failures, 15U);
}

TEST(IntervalPublisher, TheEndsOfIntervalsStayOnTheirGridAfterAStall) {
    IntervalPublisher intervals(1s, kMeterStart);
    EXPECT_EQ(intervals.next(), kMeterStart + 1s);
    intervals.publish({}, kMeterStart + 3500ms);
    EXPECT_EQ(intervals.next(), kMeterStart + 4s);
}

TEST(IntervalPublisher, WithoutAnIntervalNothingIsDue) {
    const IntervalPublisher intervals(std::nullopt, kMeterStart);
    EXPECT_FALSE(intervals.enabled());
    EXPECT_EQ(intervals.next(), TimePoint::max());
}
