// SPDX-License-Identifier: MIT
#include "client/pace/deadlines.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

const TimePoint kEpoch(1'000'000s);

std::vector<std::uint32_t> due(Deadlines& deadlines, TimePoint now) {
    std::vector<std::uint32_t> ids;
    deadlines.expire(now, [&ids](std::uint32_t id) -> std::optional<TimePoint> {
        ids.push_back(id);
        return std::nullopt;
    });
    return ids;
}

} // namespace

TEST(Deadlines, WithoutAnArmedIdThereIsNoNextDeadline) {
    Deadlines deadlines(4, 1s, kEpoch);
    EXPECT_FALSE(deadlines.next());
    EXPECT_TRUE(due(deadlines, kEpoch + 10s).empty());
}

TEST(Deadlines, AnIdExpiresAtMostAStepAfterItsDeadline) {
    for (const Duration timeout : {Duration(1ms), Duration(100ms), Duration(10s), Duration(1h)}) {
        const Duration step = std::max<Duration>(timeout / 256, 50us);
        Deadlines deadlines(1, timeout, kEpoch);
        const TimePoint deadline = kEpoch + timeout;
        deadlines.arm(0, deadline);
        ASSERT_TRUE(deadlines.next());
        EXPECT_GE(*deadlines.next(), deadline);
        EXPECT_LE(*deadlines.next(), deadline + step);
        EXPECT_TRUE(due(deadlines, deadline - 1ns).empty());
        EXPECT_EQ(due(deadlines, *deadlines.next()).size(), 1U);
        EXPECT_FALSE(deadlines.next());
    }
}

TEST(Deadlines, AnIdWithALaterDeadlineIsListedAgain) {
    Deadlines deadlines(1, 1s, kEpoch);
    deadlines.arm(0, kEpoch + 1s);
    deadlines.arm(0, kEpoch + 1500ms); // listed already: the first check finds the later deadline
    std::vector<TimePoint> checks;
    TimePoint now = kEpoch;
    while (const auto next = deadlines.next()) {
        now = *next;
        deadlines.expire(now, [&](std::uint32_t) -> std::optional<TimePoint> {
            checks.push_back(now);
            return now < kEpoch + 1500ms ? std::optional(kEpoch + 1500ms) : std::nullopt;
        });
    }
    ASSERT_EQ(checks.size(), 2U);
    EXPECT_GE(checks[1], kEpoch + 1500ms);
}

TEST(Deadlines, NextIsTheEarliestOfRandomDeadlinesAndAllExpire) {
    std::mt19937 random(3);
    Deadlines deadlines(1000, 1s, kEpoch);
    std::map<std::uint32_t, TimePoint> armed;
    TimePoint now = kEpoch;
    for (int round = 0; round < 3000; ++round) {
        const auto id = static_cast<std::uint32_t>(random() % 1000);
        if (armed.count(id) == 0) {
            armed[id] = now + std::chrono::microseconds(random() % 1'000'000);
            deadlines.arm(id, armed[id]);
        }
        TimePoint earliest = TimePoint::max();
        for (const auto& [other, deadline] : armed) {
            earliest = std::min(earliest, deadline);
        }
        ASSERT_LE(*deadlines.next(), std::max(earliest, now) + 2 * (Duration(1s) / 256));
        now += std::chrono::microseconds(random() % 2000);
        for (const std::uint32_t fired : due(deadlines, now)) {
            ASSERT_EQ(armed.count(fired), 1U);
            ASSERT_LE(armed[fired], now);
            armed.erase(fired);
        }
        for (const auto& [other, deadline] : armed) {
            ASSERT_GT(deadline + 2 * (Duration(1s) / 256), now) << "not expired in time";
        }
    }
}

TEST(Deadlines, AfterALongStallEveryExpiredIdIsFound) {
    Deadlines deadlines(100, 1s, kEpoch);
    for (std::uint32_t id = 0; id < 100; ++id) {
        deadlines.arm(id, kEpoch + id * 10ms);
    }
    EXPECT_EQ(due(deadlines, kEpoch + 1h).size(), 100U);
    deadlines.arm(5, kEpoch + 1h + 1s);
    EXPECT_EQ(due(deadlines, kEpoch + 1h + 1010ms), std::vector<std::uint32_t>{5});
}
