// SPDX-License-Identifier: MIT
#include "client/pace/schedule.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

const TimePoint kBegin(1'000s);

std::uint32_t take_all(ConnectSchedule& schedule, TimePoint now) {
    std::uint32_t taken = 0;
    while (schedule.take(now)) {
        ++taken;
    }
    return taken;
}

} // namespace

TEST(ConnectSchedule, WithoutARateTheNumberOfConnectsInProgressIsLimited) {
    ConnectSchedule schedule(1000, std::nullopt, kBegin);
    EXPECT_EQ(take_all(schedule, kBegin), ConnectSchedule::kPlaces);
    EXPECT_FALSE(schedule.next()) << "the passing of time frees no place";
    schedule.settled(3);
    schedule.settled(3);
    schedule.settled(4);
    EXPECT_EQ(take_all(schedule, kBegin), 2U);
    EXPECT_FALSE(schedule.finished());
    for (std::uint32_t id = 0; id < 1000; ++id) {
        schedule.settled(id);
    }
    EXPECT_EQ(take_all(schedule, kBegin), 1000 - ConnectSchedule::kPlaces - 2);
    EXPECT_TRUE(schedule.finished());
    EXPECT_FALSE(schedule.next());
}

TEST(ConnectSchedule, AConnectionWithoutAnEchoReleasesItsPlaceAfterATimeout) {
    ConnectSchedule schedule(1000, std::nullopt, kBegin);
    take_all(schedule, kBegin);
    schedule.up(0, kBegin);
    schedule.up(1, kBegin + 10ms);
    schedule.settled(0);
    EXPECT_EQ(take_all(schedule, kBegin + 1ms), 1U);
    EXPECT_EQ(take_all(schedule, kBegin + 10ms + ConnectSchedule::kTimeout - 1ns), 0U);
    EXPECT_EQ(schedule.next(), kBegin + 10ms + ConnectSchedule::kTimeout);
    EXPECT_EQ(take_all(schedule, kBegin + 10ms + ConnectSchedule::kTimeout), 1U);
}

TEST(ConnectSchedule, WithARateEachConnectIsDueAtItsOwnTime) {
    ConnectSchedule schedule(100'000, 1000.0, kBegin);
    EXPECT_EQ(take_all(schedule, kBegin), 1U);
    EXPECT_EQ(schedule.next(), kBegin + 1ms);
    EXPECT_EQ(take_all(schedule, kBegin + 1ms - 1ns), 0U);
    EXPECT_EQ(take_all(schedule, kBegin + 10ms), 10U);
    EXPECT_EQ(take_all(schedule, kBegin + 99999ms), 99'989U)
        << "connects that are late are all due";
    EXPECT_TRUE(schedule.finished());
}

TEST(ConnectSchedule, AStoppedScheduleOpensNoConnection) {
    ConnectSchedule schedule(10, 1.0, kBegin);
    EXPECT_TRUE(schedule.take(kBegin));
    schedule.stop();
    EXPECT_FALSE(schedule.take(kBegin + 100s));
    EXPECT_TRUE(schedule.finished());
    EXPECT_EQ(schedule.taken(), 1U);
}

TEST(ConnectSchedule, AReopenedConnectionTakesAPlace) {
    ConnectSchedule schedule(3, std::nullopt, kBegin, 2);
    EXPECT_EQ(take_all(schedule, kBegin), 2U);
    schedule.settled(0);
    EXPECT_TRUE(schedule.take_again(0, kBegin));
    EXPECT_FALSE(schedule.take_again(1, kBegin));
    EXPECT_FALSE(schedule.next_again());
    schedule.up(0, kBegin);
    EXPECT_EQ(schedule.next_again(), kBegin + ConnectSchedule::kTimeout);
    EXPECT_TRUE(schedule.take_again(1, kBegin + ConnectSchedule::kTimeout));
}

TEST(SendSchedule, GrantsAsManyMessagesAsThePipelineHoldsInFlight) {
    SendSchedule schedule(4, std::nullopt, false);
    EXPECT_EQ(schedule.grant(0).count, 4U);
    EXPECT_EQ(schedule.grant(3).count, 1U);
    EXPECT_EQ(schedule.grant(4).count, 0U);
    EXPECT_FALSE(schedule.grant(0).measured);
    schedule.measure();
    EXPECT_TRUE(schedule.grant(0).measured);
    EXPECT_FALSE(schedule.exhausted());
    schedule.stop();
    EXPECT_EQ(schedule.grant(0).count, 0U);
    EXPECT_TRUE(schedule.exhausted());
}

TEST(SendSchedule, GrantsNothingBeforeTheMeasuredPartWhereItHolds) {
    SendSchedule schedule(4, 6, true);
    EXPECT_TRUE(schedule.holds());
    EXPECT_EQ(schedule.grant(0).count, 0U);
    EXPECT_FALSE(schedule.exhausted());
    schedule.measure();
    EXPECT_EQ(schedule.grant(0).count, 4U);
    EXPECT_EQ(schedule.grant(0).count, 2U);
    EXPECT_TRUE(schedule.exhausted());
    EXPECT_EQ(schedule.grant(0).count, 0U);
}

TEST(SendSchedule, AHoldThatIsReleasedGrantsBeforeTheMeasuredPart) {
    SendSchedule schedule(4, 6, true);
    schedule.release();
    EXPECT_FALSE(schedule.holds());
    EXPECT_EQ(schedule.grant(0).count, 4U);
    EXPECT_FALSE(schedule.grant(0).measured);
    schedule.measure();
    EXPECT_TRUE(schedule.grant(0).measured);
}

TEST(SendSchedule, AMessageThatIsGivenBackIsGrantedAgain) {
    SendSchedule schedule(4, 4, false);
    schedule.measure();
    EXPECT_EQ(schedule.grant(0).count, 4U);
    EXPECT_TRUE(schedule.exhausted());
    schedule.give_back(3);
    EXPECT_FALSE(schedule.exhausted());
    EXPECT_EQ(schedule.grant(0).count, 3U);
    EXPECT_TRUE(schedule.exhausted());
    schedule.give_back(1);
    schedule.stop();
    EXPECT_TRUE(schedule.exhausted());
}

TEST(SendSchedule, WarmUpMessagesDoNotCountAgainstTheBudget) {
    SendSchedule schedule(2, 3, false);
    EXPECT_EQ(schedule.grant(0).count, 2U);
    EXPECT_EQ(schedule.grant(0).count, 2U);
    schedule.measure();
    EXPECT_EQ(schedule.grant(0).count, 2U);
    EXPECT_EQ(schedule.grant(0).count, 1U);
    EXPECT_TRUE(schedule.exhausted());
}
