// SPDX-License-Identifier: MIT
#include "client/measure/outage_tracker.hpp"

#include <gtest/gtest.h>

#include <cerrno>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr ErrorCount kClosed{Phase::close, kEndOfFile, 1};
constexpr ErrorCount kRefused{Phase::connect, ECONNREFUSED, 1};

// Four connections to one of two targets, opened at the start.
struct OutageTest : testing::Test {
    OutageTest() {
        for (std::uint32_t id = 0; id < 4; ++id) {
            tracker.opens(id, 0, start);
        }
    }

    void right(std::uint32_t id, Duration at) { tracker.answered(id, 0, start + at); }
    void lost(std::uint32_t id, Duration at, std::uint64_t messages = 1) {
        tracker.lost(id, 0, messages, kClosed, start + at);
    }
    void refused(std::uint32_t id, Duration at) { tracker.lost(id, 0, 0, kRefused, start + at); }

    const TimePoint start{1000s};
    OutageTracker tracker{4, {"a:1", "b:1"}, start};
};

Outage outage_of(Duration noticed, Duration from, Duration to) {
    Outage outage;
    outage.target = "a:1";
    outage.noticed = noticed;
    outage.from = from;
    outage.to = to;
    outage.over = true;
    outage.restored = to;
    outage.connections = 1;
    outage.messages_lost = 2;
    outage.errors.add(Phase::close, kEndOfFile);
    return outage;
}

Outages loop_with(const std::vector<Outage>& list) {
    Outages outages;
    for (const Outage& outage : list) {
        outages.add(outage);
        outages.interruptions.record(outage.length());
    }
    return outages;
}

} // namespace

TEST_F(OutageTest, AnOutageLastsFromTheLastRightEchoToTheNextOne) {
    right(0, 10ms);
    right(1, 12ms);
    lost(0, 20ms, 3);
    lost(1, 21ms);
    refused(0, 22ms);
    refused(1, 50ms);
    right(1, 80ms);
    right(0, 95ms);
    const Outages outages = tracker.finish(start + 1s);
    ASSERT_EQ(outages.count(), 1U);
    const Outage& outage = outages.list.front();
    EXPECT_EQ(outage.target, "a:1");
    EXPECT_EQ(outage.noticed, 20ms);
    EXPECT_EQ(outage.from, 12ms);
    EXPECT_EQ(outage.to, 80ms);
    EXPECT_EQ(outages.longest(), 68ms);
    EXPECT_TRUE(outage.over);
    EXPECT_EQ(outage.restored, Duration(95ms));
    EXPECT_EQ(outage.connections, 2U);
    EXPECT_EQ(outage.messages_lost, 4U);
    EXPECT_EQ(outage.errors.count(Phase::close, kEndOfFile), 2U);
    EXPECT_EQ(outage.errors.count(Phase::connect, ECONNREFUSED), 2U);
    EXPECT_EQ(outages.interruptions.count(), 2U);
    EXPECT_EQ(outages.interruptions.max(), Duration(85ms)); // of connection 0, from its own echo
    EXPECT_EQ(outages.interruptions.min(), Duration(68ms));
    EXPECT_EQ(outages.not_restored, 0U);
}

TEST_F(OutageTest, WhereOthersAreAnsweredTheOutageIsShortAndTheInterruptionIsNot) {
    right(0, 10ms);
    right(1, 10ms);
    lost(0, 11ms);
    for (int ms = 12; ms <= 500; ms += 2) {
        right(1, std::chrono::milliseconds(ms));
    }
    right(0, 501ms);
    const Outages outages = tracker.finish(start + 1s);
    ASSERT_EQ(outages.count(), 1U);
    EXPECT_EQ(outages.longest(), 2ms);
    EXPECT_EQ(outages.list.front().restored, Duration(501ms));
    EXPECT_EQ(outages.interruptions.max(), Duration(491ms));
}

TEST_F(OutageTest, ConnectionsLostOneAfterTheOtherAreOneOutage) {
    right(0, 10ms);
    right(1, 10ms);
    lost(0, 11ms);
    right(1, 12ms);
    lost(1, 13ms);
    right(0, 100ms);
    right(1, 101ms);
    lost(1, 102ms); // another one
    right(1, 103ms);
    const Outages outages = tracker.finish(start + 1s);
    ASSERT_EQ(outages.count(), 2U);
    EXPECT_EQ(outages.list.front().from, 12ms);
    EXPECT_EQ(outages.list.front().length(), 88ms);
    EXPECT_EQ(outages.list.back().from, 101ms);
}

TEST_F(OutageTest, AnOutageDoesNotWaitForAnIdleConnection) {
    right(0, 10ms);
    lost(0, 11ms);
    lost(1, 11ms);
    right(0, 20ms);
    tracker.idle(1, 0);
    right(0, 30ms);
    EXPECT_TRUE(tracker.is_interrupted(1));
    lost(0, 40ms);
    right(0, 50ms);
    right(1, 60ms);
    const Outages outages = tracker.finish(start + 1s);
    ASSERT_EQ(outages.count(), 2U);
    EXPECT_EQ(outages.list.front().connections, 2U);
    EXPECT_EQ(outages.list.back().from, 30ms);
    EXPECT_EQ(outages.interruptions.count(), 3U);
    EXPECT_EQ(outages.not_restored, 0U);
}

TEST_F(OutageTest, AnOutageThatDoesNotEndLastsUntilTheEnd) {
    right(0, 10ms);
    lost(0, 20ms);
    const Outages outages = tracker.finish(start + 1s);
    ASSERT_EQ(outages.count(), 1U);
    EXPECT_FALSE(outages.list.front().over);
    EXPECT_FALSE(outages.list.front().restored);
    EXPECT_EQ(outages.longest(), 990ms);
    EXPECT_EQ(outages.not_restored, 1U);
    EXPECT_EQ(outages.interruptions.max(), Duration(990ms));
}

TEST_F(OutageTest, ARefusedFirstConnectionIsOutFromItsFirstAttempt) {
    refused(0, 1ms);
    right(0, 200ms);
    const Outages outages = tracker.finish(start + 1s);
    ASSERT_EQ(outages.count(), 1U);
    EXPECT_EQ(outages.list.front().from, 0ms);
    EXPECT_EQ(outages.longest(), 200ms);
}

TEST_F(OutageTest, MoreOutagesThanAreListedAreCounted) {
    for (std::size_t i = 0; i <= Outages::kListed; ++i) {
        const Duration at = std::chrono::milliseconds(10 * i);
        lost(0, at + 1ms);
        right(0, at + 2ms);
    }
    lost(0, 20s);
    right(0, 30s);
    const Outages outages = tracker.finish(start + 40s);
    EXPECT_EQ(outages.list.size(), Outages::kListed);
    EXPECT_EQ(outages.count(), Outages::kListed + 2);
    EXPECT_GT(outages.longest(), 10s);
    EXPECT_EQ(outages.messages_lost, Outages::kListed + 2);
    EXPECT_EQ(outages.interruptions.count(), Outages::kListed + 2);
}

TEST(MergedOutages, OverlappingOnesOfATargetAreOneAsLongAsNoLoopHadARightEcho) {
    Outages one = loop_with({outage_of(12ms, 10ms, 100ms)});
    one.not_restored = 1;
    const Outages two = loop_with({outage_of(13ms, 11ms, 90ms), outage_of(200ms, 199ms, 210ms)});
    const Outages sum = merge_outages({one, two});
    ASSERT_EQ(sum.count(), 2U);
    EXPECT_EQ(sum.list.front().from, 11ms);
    EXPECT_EQ(sum.list.front().to, 90ms);
    EXPECT_EQ(sum.list.front().restored, Duration(100ms));
    EXPECT_EQ(sum.list.front().connections, 2U);
    EXPECT_EQ(sum.list.front().messages_lost, 4U);
    EXPECT_EQ(sum.list.front().errors.count(Phase::close, kEndOfFile), 2U);
    EXPECT_EQ(sum.list.back().length(), 11ms);
    EXPECT_EQ(sum.messages_lost, 6U);
    EXPECT_EQ(sum.not_restored, 1U);
    EXPECT_EQ(sum.interruptions.count(), 3U);
}

TEST(MergedOutages, ThoseOfDifferentTargetsStayApartInTheOrderOfTheirBeginning) {
    Outage late = outage_of(15ms, 10ms, 100ms);
    Outage early = outage_of(12ms, 10ms, 100ms);
    early.target = "b:1";
    const Outages sum = merge_outages({loop_with({late}), loop_with({early})});
    ASSERT_EQ(sum.count(), 2U);
    EXPECT_EQ(sum.list.front().target, "b:1");
    EXPECT_EQ(sum.list.back().target, "a:1");
}

TEST(MergedOutages, WhereTheLoopsWereAnsweredInTurnItHasNoLength) {
    Outage first = outage_of(12ms, 10ms, 20ms);
    first.restored = 50ms;
    const Outages sum =
        merge_outages({loop_with({first}), loop_with({outage_of(40ms, 39ms, 60ms)})});
    ASSERT_EQ(sum.count(), 1U);
    EXPECT_EQ(sum.longest(), 0ms);
}
