// SPDX-License-Identifier: MIT
#include "client/run/result_sum.hpp"

#include <gtest/gtest.h>

#include <csignal>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kRunStart{1000s};

// Measured from 1 to 11 seconds after the start.
constexpr RunTimes kTimes{kRunStart, kRunStart + 1s, kRunStart + 11s, kRunStart + 12s};

WorkerResult one_connection() {
    WorkerResult part;
    part.tally.connections.up = 1;
    part.peak = 1;
    return part;
}

RunResult finish(const WorkerResult& part, const RequestedLoad& load,
                 const RunTimes& times = kTimes, int signal = 0) {
    ResultSum sum{{}};
    sum.add(part);
    return sum.finish(load, times, signal);
}

} // namespace

TEST(ResultSum, AddsTheLoopsUpAndKeepsTheLatestTime) {
    ResultSum sum{{}};
    for (int i = 1; i <= 3; ++i) {
        WorkerResult part = one_connection();
        part.ramped = kRunStart + i * 10ms;
        part.not_tried = 1;
        part.use.emplace();
        part.tally.lag.record(1ms * i);
        sum.add(part);
    }
    const RunResult result = sum.finish({}, kTimes, 0);
    EXPECT_EQ(result.tally.connections.up, 3U);
    EXPECT_EQ(result.peak, 3U);
    EXPECT_EQ(result.not_tried, 3U);
    EXPECT_EQ(result.ramp_up, Duration(30ms));
    EXPECT_EQ(result.elapsed, 12s);
    ASSERT_EQ(result.loops.size(), 3U);
    EXPECT_EQ(result.loops[2].lag_max, Duration(3ms)) << "each loop has its own lag";
}

TEST(ResultSum, TheWindowEndsAtTheEndOfItsTimeOrOfTheRun) {
    EXPECT_EQ(finish(one_connection(), {}).window, Duration(10s));
    RunTimes early = kTimes;
    early.end = kRunStart + 4s;
    EXPECT_EQ(finish(one_connection(), {}, early).window, Duration(3s));
    early.measure_from = RunControl::kNever;
    EXPECT_FALSE(finish(one_connection(), {}, early).window);
    EXPECT_FALSE(finish(WorkerResult(), {}).window) << "no connection was up";
}

TEST(ResultSum, TheWindowOfANumberOfMessagesEndsAtTheLastEcho) {
    RunTimes times = kTimes;
    times.stop_at = RunControl::kNever;
    WorkerResult part = one_connection();
    part.last_measured = kRunStart + 6s;
    RequestedLoad load;
    load.messages = 100;
    EXPECT_EQ(finish(part, load, times).window, Duration(5s));
}

TEST(ResultSum, TheRateIsThatOfTheScheduleUntilTheRunEnded) {
    RequestedLoad load;
    load.pace = Pace{100, 100};
    WorkerResult part = one_connection();
    part.tally.messages.measured_due = 300;
    part.sent_in_time = 297;
    RunTimes early = kTimes;
    early.end = kRunStart + 4s;
    const RunResult result = finish(part, load, early);
    ASSERT_TRUE(result.rate);
    EXPECT_DOUBLE_EQ(result.rate->requested, 100);
    EXPECT_DOUBLE_EQ(result.rate->achieved, 99);
    EXPECT_FALSE(finish(part, {}).rate) << "a closed loop has no rate";
}

TEST(ResultSum, TheRateOfANumberOfMessagesIsOverTheTimeInWhichTheyWereDue) {
    RequestedLoad load;
    load.messages = 500;
    load.pace = Pace{100, 100};
    WorkerResult part = one_connection();
    part.tally.messages.measured_due = 500;
    part.sent_in_time = 450;
    EXPECT_FALSE(finish(part, load).rate) << "a signal came before the first one was due";
    part.last_due = kRunStart + 9s;
    EXPECT_DOUBLE_EQ(finish(part, load).rate->achieved, 90) << "500 messages at 100 a second";
    load.arrival = Arrival::poisson;
    EXPECT_DOUBLE_EQ(finish(part, load).rate->requested, 62.5) << "until the last was due";
}

TEST(ResultSum, KeepsTheFirstFailureAndAFewMismatches) {
    ResultSum sum{{}};
    sum.add_failure("");
    sum.add_failure("first");
    sum.add_failure("second");
    WorkerResult part;
    part.mismatches.resize(kMismatchesDescribed);
    sum.add(part);
    sum.add_abuse({}, part.mismatches);
    const RunResult result = sum.finish({}, kTimes, SIGINT);
    EXPECT_EQ(result.failure, "first");
    EXPECT_EQ(result.mismatches.size(), kMismatchesDescribed);
    EXPECT_EQ(result.signal, SIGINT);
    EXPECT_TRUE(result.abuse);
}
