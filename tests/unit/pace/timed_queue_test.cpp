// SPDX-License-Identifier: MIT
#include "client/pace/think_timers.hpp"
#include "client/pace/timed_queue.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

TEST(TimedQueue, EntriesAreTakenInOrderOnceTheyAreDue) {
    const TimePoint start(100s);
    TimedQueue<int> queue;
    EXPECT_EQ(queue.next(), TimePoint::max());
    queue.add(start + 1s, 1);
    queue.add(start + 2s, 2);
    EXPECT_EQ(queue.next(), start + 1s);
    EXPECT_EQ(queue.take(start), std::nullopt);
    EXPECT_EQ(queue.take(start + 1s), 1);
    EXPECT_EQ(queue.take(start + 1s), std::nullopt);
    EXPECT_EQ(queue.take(start + 5s), 2);
    EXPECT_EQ(queue.take(start + 5s), std::nullopt);
}

TEST(TimedQueue, NothingIsDueAfterClear) {
    TimedQueue<int> queue;
    queue.add(TimePoint(1s), 1);
    queue.clear();
    EXPECT_EQ(queue.next(), TimePoint::max());
    EXPECT_EQ(queue.take(TimePoint(2s)), std::nullopt);
}

TEST(ThinkTimers, APauseEndsAfterTheThinkTime) {
    const TimePoint start(100s);
    ThinkTimers timers(10ms);
    EXPECT_TRUE(timers.enabled());
    timers.begin({3, 7, 2}, start);
    EXPECT_EQ(timers.next(), start + 10ms);
    EXPECT_FALSE(timers.take(start + 9ms));
    const auto pause = timers.take(start + 10ms);
    ASSERT_TRUE(pause);
    EXPECT_EQ(pause->id, 3U);
    EXPECT_EQ(pause->generation, 7U);
    EXPECT_EQ(pause->messages, 2U);
}

TEST(ThinkTimers, AreDisabledWithoutAThinkTime) {
    EXPECT_FALSE(ThinkTimers(Duration::zero()).enabled());
}
