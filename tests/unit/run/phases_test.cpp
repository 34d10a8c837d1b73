// SPDX-License-Identifier: MIT
#include "client/run/phases.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kPhasesStart{1000s};

struct Fixture {
    explicit Fixture(const PhaseLengths& lengths) : phases(lengths, control, live) {
        live.measured_part_begins = [this] { ++begins; };
        live.measured_part_ends = [this] { ++ends; };
    }
    RunControl control;
    LiveSink live;
    int begins = 0;
    int ends = 0;
    Phases phases;
};

} // namespace

TEST(Phases, TheMeasuredPartFollowsTheWarmUpAndLastsAsLongAsRequested) {
    Fixture run({2s, 10s, 1s});
    EXPECT_TRUE(run.phases.is_ramping_up());
    run.phases.end_ramp_up(kPhasesStart);
    EXPECT_FALSE(run.phases.is_ramping_up());
    EXPECT_EQ(run.control.measure_from(), kPhasesStart + 2s);
    EXPECT_EQ(run.control.stop_at(), kPhasesStart + 12s);
    run.phases.update(kPhasesStart, false);
    EXPECT_EQ(run.begins, 0);
    EXPECT_EQ(run.phases.next_deadline(kPhasesStart), kPhasesStart + 2s);
    EXPECT_FALSE(run.phases.measured_until(kPhasesStart + 1s));
    run.phases.update(kPhasesStart + 2s, false);
    EXPECT_EQ(run.begins, 1);
    EXPECT_EQ(run.phases.next_deadline(kPhasesStart + 2s), kPhasesStart + 12s);
    EXPECT_EQ(run.phases.measured_until(kPhasesStart + 5s), Duration(3s));
    run.phases.update(kPhasesStart + 12s, false);
    run.phases.update(kPhasesStart + 13s, false);
    EXPECT_EQ(run.begins, 1);
    EXPECT_EQ(run.ends, 1);
    EXPECT_EQ(run.phases.next_deadline(kPhasesStart + 13s), RunControl::kNever);
    EXPECT_EQ(run.phases.measured_until(kPhasesStart + 20s), Duration(10s));
}

TEST(Phases, ARunThatEndsEarlyWaitsForMessagesInFlight) {
    Fixture run({0s, 10s, 5s});
    run.phases.end_ramp_up(kPhasesStart);
    run.phases.end_early(kPhasesStart + 3s);
    EXPECT_EQ(run.control.stop_at(), kPhasesStart + 3s);
    EXPECT_EQ(run.phases.signal(), 0);
    EXPECT_FALSE(run.phases.expire_grace(kPhasesStart + 3999ms));
    EXPECT_TRUE(run.phases.expire_grace(kPhasesStart + 4s));
    EXPECT_TRUE(run.control.abandoned());
}

TEST(Phases, TheWarmUpWaitsForATimeThatHasNotCome) {
    Fixture run({2s, 10s, 1s});
    run.phases.end_ramp_up(kPhasesStart, kPhasesStart + 3s);
    EXPECT_FALSE(run.phases.is_ramping_up());
    EXPECT_EQ(run.control.measure_from(), kPhasesStart + 5s);
    EXPECT_EQ(run.control.stop_at(), kPhasesStart + 15s);
    Fixture late({2s, 10s, 1s});
    late.phases.end_ramp_up(kPhasesStart, kPhasesStart - 3s);
    EXPECT_EQ(late.control.measure_from(), kPhasesStart + 2s);
}

TEST(Phases, ANumberOfMessagesEndsWithTheLastAnswer) {
    Fixture run({0s, std::nullopt, 1s});
    run.phases.end_ramp_up(kPhasesStart);
    run.phases.update(kPhasesStart, false);
    EXPECT_EQ(run.begins, 1);
    EXPECT_EQ(run.phases.next_deadline(kPhasesStart), RunControl::kNever);
    run.phases.update(kPhasesStart + 5s, true);
    EXPECT_EQ(run.ends, 1);
}

TEST(Phases, AnEndWithoutAMeasuredPartIsNotReported) {
    Fixture run({0s, 10s, 1s});
    run.phases.update(kPhasesStart, true);
    EXPECT_EQ(run.begins + run.ends, 0);
    EXPECT_FALSE(run.phases.measured_until(kPhasesStart));
}

TEST(Phases, TheFirstSignalWaitsForMessagesInFlightForASecondOrTheTimeout) {
    for (const Duration timeout : {Duration(10s), Duration(20ms)}) {
        Fixture run({0s, 10s, timeout});
        run.phases.end_ramp_up(kPhasesStart);
        run.phases.interrupt(SIGINT, kPhasesStart + 3s);
        EXPECT_EQ(run.phases.signal(), SIGINT);
        EXPECT_EQ(run.control.stop_at(), kPhasesStart + 3s);
        const TimePoint end = kPhasesStart + 3s + std::min<Duration>(timeout, 1s);
        run.phases.update(kPhasesStart + 3s, false);
        EXPECT_EQ(run.phases.next_deadline(kPhasesStart + 3s), end);
        EXPECT_FALSE(run.phases.expire_grace(end - 1ns));
        EXPECT_FALSE(run.control.abandoned());
        EXPECT_TRUE(run.phases.expire_grace(end));
        EXPECT_TRUE(run.control.abandoned());
        EXPECT_FALSE(run.phases.expire_grace(end + 1s)) << "only once";
    }
}

TEST(Phases, TheSecondSignalEndsTheRunAndTheFirstIsTheOneThatIsReported) {
    Fixture run({0s, 10s, 10s});
    run.phases.interrupt(SIGTERM, kPhasesStart);
    EXPECT_FALSE(run.control.abandoned());
    run.phases.interrupt(SIGINT, kPhasesStart + 1ms);
    EXPECT_TRUE(run.control.abandoned());
    EXPECT_EQ(run.phases.signal(), SIGTERM);
}
