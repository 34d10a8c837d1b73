// SPDX-License-Identifier: MIT
#include "net/poll_until.hpp"

#include <gtest/gtest.h>

using namespace echod;
using namespace std::chrono_literals;

TEST(PollUntil, EndsWithAnEvent) {
    TimePoint clock{1h};
    int calls = 0;
    const Polled polled = poll_until(
        clock + 50us, clock, [&calls] { return ++calls == 3 ? 7 : 0; },
        [&clock] { return clock += 2us; });
    EXPECT_EQ(polled.count, 7);
    EXPECT_EQ(polled.now, TimePoint(1h) + 6us);
    EXPECT_EQ(polled.longest, 2us);
    EXPECT_EQ(polled.polls, 3);
}

TEST(PollUntil, EndsWhenTheTimeIsOver) {
    TimePoint clock{1h};
    const Polled polled = poll_until(
        clock + 50us, clock, [] { return 0; }, [&clock] { return clock += 20us; });
    EXPECT_EQ(polled.count, 0);
    EXPECT_EQ(polled.now, TimePoint(1h) + 60us);
}

TEST(PollUntil, PollsOnceWhereTheTimeIsOverAtTheStart) {
    const Polled polled = poll_until(
        TimePoint(1h), TimePoint(2h), [] { return -5; }, [] { return TimePoint(2h); });
    EXPECT_EQ(polled.count, -5);
}
