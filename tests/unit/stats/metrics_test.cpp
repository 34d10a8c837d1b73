// SPDX-License-Identifier: MIT
#include "server/stats/metrics.hpp"
#include "server/stats/openmetrics.hpp"
#include "server/stats/process_figures.hpp"
#include "server/stats/prometheus.hpp"
#include "server/stats/turn_histogram.hpp"

#include <gtest/gtest.h>

#include <numeric>

using namespace echod;
using namespace std::chrono_literals;

TEST(TurnHistogram, ATurnIsInTheFirstBucketThatIsNotShorter) {
    TurnHistogram turns;
    turns.note(0ns);
    turns.note(100us);
    turns.note(100us + 1ns);
    turns.note(2500ms);
    turns.note(1h);
    EXPECT_EQ(turns.counts()[0], 2U);
    EXPECT_EQ(turns.counts()[1], 1U);
    EXPECT_EQ(turns.counts()[TurnHistogram::kBounds.size() - 1], 1U);
    EXPECT_EQ(turns.counts().back(), 1U);
    EXPECT_EQ(std::accumulate(turns.counts().begin(), turns.counts().end(), std::uint64_t{0}), 5U);
    EXPECT_EQ(turns.sum(), 200us + 1ns + 2500ms + 1h);
}

TEST(Metrics, TheBucketsOfTheHistogramAreCumulated) {
    ServerState state;
    state.turns.note(1us);
    state.turns.note(200us);
    state.turns.note(10s);
    const std::string text = format_prometheus(state);
    for (const char* line :
         {"# TYPE echod_turn_seconds histogram\n", "echod_turn_seconds_bucket{le=\"0.0001\"} 1\n",
          "echod_turn_seconds_bucket{le=\"0.00025\"} 2\n",
          "echod_turn_seconds_bucket{le=\"2.5\"} 2\n", "echod_turn_seconds_bucket{le=\"+Inf\"} 3\n",
          "echod_turn_seconds_sum 10.000201\n", "echod_turn_seconds_count 3\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line;
    }
}

TEST(Metrics, TypesAndNamesAreThoseOfEachFormat) {
    const std::string open = format_openmetrics({});
    const std::string classic = format_prometheus({});
    EXPECT_NE(open.find("# TYPE echod_build info\n"), std::string::npos);
    EXPECT_NE(classic.find("# TYPE echod_build_info gauge\n"), std::string::npos);
    EXPECT_NE(open.find("# TYPE echod_sent_bytes counter\n# UNIT echod_sent_bytes bytes\n"),
              std::string::npos);
    EXPECT_NE(classic.find("# TYPE echod_sent_bytes_total counter\nechod_sent_bytes_total 0\n"),
              std::string::npos);
    EXPECT_EQ(classic.find("UNIT"), std::string::npos);
    EXPECT_EQ(classic.find("EOF"), std::string::npos);
}

TEST(Metrics, ALabelIsEscaped) {
    ServerState state;
    state.sockets.by_listener = {{"unix:/a\"b\\c\nd", 7}};
    const std::string line = R"(echod_listener_connections{listener="unix:/a\"b\\c\nd"} 7)"
                             "\n";
    EXPECT_NE(format_prometheus(state).find(line), std::string::npos);
    EXPECT_NE(format_openmetrics(state).find(line), std::string::npos);
}

TEST(Metrics, WhatTheKernelDoesNotSayIsLeftOut) {
    ServerState state;
    EXPECT_EQ(format_prometheus(state).find("process_open_fds"), std::string::npos);
    EXPECT_EQ(format_prometheus(state).find("echod_listener_connections"), std::string::npos);
    state.process.open_fds = 7;
    EXPECT_NE(format_prometheus(state).find("\nprocess_open_fds 7\n"), std::string::npos);
}

TEST(ProcessFigures, AreThoseOfThisProcess) {
    const ProcessFigures figures = read_process_figures();
    ASSERT_TRUE(figures.cpu_seconds && figures.open_fds && figures.virtual_memory &&
                figures.resident_memory);
    EXPECT_GE(*figures.cpu_seconds, 0);
    EXPECT_GE(*figures.open_fds, 3U);
    EXPECT_GE(*figures.virtual_memory, *figures.resident_memory);
    EXPECT_GT(*figures.resident_memory, 100'000U);
}
