// SPDX-License-Identifier: MIT
#include "client/load/open_loop.hpp"

#include <gtest/gtest.h>

#include <vector>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// 1000 messages a second from `start` on, to connections that the test plays.
struct OpenLoopTest : testing::Test {
    explicit OpenLoopTest(std::optional<std::uint64_t> messages = std::nullopt)
        : loop(Arrivals(Pace{1000, 1000}, Arrival::constant, 10s, messages, LoopShare{}, 1), 8, 4) {
    }

    void dispatch(TimePoint now) {
        loop.dispatch(
            now, stop_at, outstanding, tally, [this](std::uint32_t id) { return takes[id]; },
            [this](std::uint32_t id) { return has_room[id]; },
            [this](std::uint32_t id, const OpenLoop::Due& due) {
                given.push_back(id);
                due_times.push_back(due.when);
            },
            [this](std::uint32_t id) { served.push_back(id); });
    }

    const TimePoint start{1000s};
    TimePoint stop_at = start + 10s;
    OpenLoop loop;
    Tally tally;
    std::uint64_t outstanding = 0;
    std::vector<bool> takes = std::vector<bool>(4, true);
    std::vector<bool> has_room = std::vector<bool>(4, true);
    std::vector<std::uint32_t> given;
    std::vector<std::uint32_t> served;
    std::vector<TimePoint> due_times;
};

// The same with two messages in all.
struct ShortOpenLoopTest : OpenLoopTest {
    ShortOpenLoopTest() : OpenLoopTest(2) {}
};

} // namespace

TEST_F(OpenLoopTest, ConnectionsGetMessagesInTurnAndAreServedOnce) {
    loop.begin(start, start);
    loop.add_connection(2);
    loop.add_connection(3);
    loop.add_connection(3); // has no effect
    dispatch(start + 2ms);
    EXPECT_EQ(given, (std::vector<std::uint32_t>{2, 3, 2}));
    EXPECT_EQ(served, (std::vector<std::uint32_t>{2, 3}));
    EXPECT_EQ(due_times, (std::vector{start, start + 1ms, start + 2ms}));
    EXPECT_EQ(loop.waiting(), 3U);
    EXPECT_EQ(tally.messages.measured_due, 3U);
    EXPECT_TRUE(loop.dispatched_something());
    EXPECT_EQ(loop.next(stop_at, Duration::zero(), false), start + 3ms - 50us);
}

TEST_F(OpenLoopTest, MessagesWithoutAConnectionWaitInTheBacklog) {
    loop.begin(start, start);
    dispatch(start + 1ms);
    EXPECT_TRUE(loop.has_backlog());
    EXPECT_TRUE(given.empty());
    loop.add_connection(0);
    dispatch(start + 1ms);
    EXPECT_EQ(due_times, (std::vector{start, start + 1ms}));
    EXPECT_FALSE(loop.has_backlog());
    EXPECT_FALSE(loop.dispatched_something());
}

TEST_F(OpenLoopTest, TheBacklogWaitsForConnectionsThatHaveRoom) {
    loop.begin(start, start);
    dispatch(start + 1ms);
    loop.add_connection(0);
    loop.add_connection(1);
    has_room[0] = false;
    dispatch(start + 1ms);
    EXPECT_EQ(given, (std::vector<std::uint32_t>{1, 1}));
    has_room[1] = false;
    dispatch(start + 3ms); // there is no backlog: connections take messages in turn
    EXPECT_EQ(given, (std::vector<std::uint32_t>{1, 1, 0, 1}));
}

TEST_F(OpenLoopTest, WhatIsPutBackIsTheFirstOfTheBacklog) {
    loop.begin(start, start);
    loop.add_connection(0);
    dispatch(start);
    loop.no_longer_waiting(1);
    takes[0] = false;
    dispatch(start + 1ms);
    loop.put_back({start, true});
    EXPECT_EQ(loop.waiting(), 2U);
    takes[0] = true;
    loop.add_connection(0);
    dispatch(start + 1ms);
    EXPECT_EQ(due_times, (std::vector{start, start, start + 1ms}));
    EXPECT_EQ(loop.waiting(), 2U);
}

TEST_F(OpenLoopTest, AConnectionThatTakesNoMessageLosesItsTurnUntilItIsAdded) {
    loop.begin(start, start);
    loop.add_connection(0);
    loop.add_connection(1);
    takes[0] = false;
    dispatch(start + 1ms);
    takes[0] = true;
    dispatch(start + 3ms);
    EXPECT_EQ(given, (std::vector<std::uint32_t>{1, 1, 1, 1}));
    loop.add_connection(0);
    dispatch(start + 5ms);
    EXPECT_EQ(given.back(), 0U);
}

TEST_F(OpenLoopTest, MessagesAboveTheLimitInFlightAreShed) {
    loop.begin(start, start);
    loop.add_connection(0);
    outstanding = 6;
    dispatch(start + 4ms);
    EXPECT_EQ(given.size(), 2U);
    EXPECT_EQ(tally.messages.due, 5U);
    EXPECT_EQ(tally.messages.measured_shed, 3U);
}

TEST_F(OpenLoopTest, NothingIsDueFromTheEndOn) {
    stop_at = start + 2ms;
    loop.begin(start, start);
    loop.add_connection(0);
    EXPECT_FALSE(loop.is_over(start + 1ms, stop_at));
    dispatch(start + 1s);
    EXPECT_EQ(given.size(), 2U);
    EXPECT_TRUE(loop.is_over(start + 2ms, stop_at));
}

TEST_F(ShortOpenLoopTest, MessagesSentInTheCatchUpPeriodAreInTime) {
    loop.begin(start, start);
    loop.add_connection(0);
    dispatch(start + 1ms);
    EXPECT_TRUE(loop.is_over(start + 1ms, stop_at));
    EXPECT_EQ(loop.last_due(), start + 1ms);
    loop.note_sent(1, start + 50ms, stop_at);
    EXPECT_EQ(loop.sent_in_time(), std::nullopt);
    EXPECT_EQ(loop.next(stop_at, Duration::zero(), true), start + 101ms);
    loop.note_sent(2, start + 101ms, stop_at);
    loop.note_sent(3, start + 200ms, stop_at);
    EXPECT_EQ(loop.sent_in_time(), 2U);
    EXPECT_EQ(loop.next(stop_at, Duration::zero(), true), OpenLoop::kNever);
}

TEST_F(OpenLoopTest, TheBacklogIsUnsentAndHasNoTimeWhenItIsDropped) {
    loop.begin(start, start);
    dispatch(start + 1ms);
    loop.drop_backlog(tally);
    EXPECT_EQ(tally.messages.unsent, 2U);
    EXPECT_EQ(tally.messages.measured_gone, 2U);
    EXPECT_EQ(tally.response.count(), 0U);
    EXPECT_FALSE(loop.has_backlog());
}

TEST_F(OpenLoopTest, WhatIsDueBeforeTheEndIsUnassignedAndHasNoTimeWhereNoConnectionIsLeft) {
    loop.begin(start, start);
    loop.count_unassigned(start + 100ms, tally);
    EXPECT_EQ(loop.unassigned(), 100U);
    EXPECT_EQ(tally.messages.unsent, 100U);
    EXPECT_EQ(tally.messages.measured_gone, 100U);
    EXPECT_EQ(tally.response.count(), 0U);
    EXPECT_EQ(loop.last_due(), start + 99ms);
}
