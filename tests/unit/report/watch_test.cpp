// SPDX-License-Identifier: MIT
#include "client/report/watch.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

TEST(ProgressBar, ShowsTheShareAndTheTimeLeftWhereTheDurationIsKnown) {
    Goal goal;
    goal.duration = 10s;
    RunResult so_far;
    so_far.tally.connections.up = 50;
    so_far.window = 2500ms;
    EXPECT_EQ(progress_bar(goal, so_far, 100),
              "[==========                              ]  25%, 7.50s left");
    so_far.window = 11s;
    EXPECT_EQ(progress_bar(goal, so_far, 100).substr(42), " 100%, 0ns left");
}

TEST(ProgressBar, EstimatesTheTimeLeftOfACountByWhatItTookSoFar) {
    Goal goal;
    goal.messages = 1000;
    RunResult so_far;
    so_far.window = 3s;
    EXPECT_EQ(progress_bar(goal, so_far, 100).substr(42), "   0%");
    so_far.tally.messages.measured = 750;
    EXPECT_EQ(progress_bar(goal, so_far, 100).substr(42), "  75%, 1.00s left");
}

TEST(ProgressBar, ShowsTheRampUpBeforeTheMeasuredPart) {
    Goal goal;
    goal.connections = 50;
    goal.duration = 10s;
    RunResult so_far;
    so_far.tally.connections.up = 12;
    EXPECT_EQ(progress_bar(goal, so_far, 100), "ramp-up: 12 of 50 connections up");
}

TEST(ProgressBar, ShowsHowLongARunWithoutAnEndIsMeasured) {
    RunResult so_far;
    so_far.window = 90min;
    EXPECT_EQ(progress_bar({}, so_far, 100), "measured 5400s, until a signal");
}

TEST(ProgressBar, FitsATerminalOfAnyWidth) {
    Goal goal;
    goal.duration = 10s;
    RunResult so_far;
    so_far.window = 5s;
    for (std::size_t columns = 0; columns <= 120; ++columns) {
        EXPECT_LE(progress_bar(goal, so_far, columns).size(), columns);
    }
}
