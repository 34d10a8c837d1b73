// SPDX-License-Identifier: MIT
#include "client/report/series.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// The second that ends at `end`: one message, of `latency`.
LiveInterval second(int end, Duration latency) {
    LiveInterval interval;
    interval.at = std::chrono::seconds(end);
    interval.length = 1s;
    interval.open = 7;
    interval.tally.messages.verified = 1;
    interval.tally.service.record(latency);
    return interval;
}

} // namespace

TEST(Series, EachLineIsAnObjectWithTheIntervalsOwnFigures) {
    LiveInterval interval = second(3, 5ms);
    interval.length = 500ms;
    interval.measured = 2s;
    interval.tally.errors.add(Phase::read, 104, 2);
    const std::string line = series_line(interval);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto row = nlohmann::json::parse(line);
    EXPECT_EQ(row["at_s"], 3.0);
    EXPECT_EQ(row["measured_s"], 2.0);
    EXPECT_EQ(row["messages_per_s"], 2.0);
    EXPECT_EQ(row["open"], 7);
    EXPECT_EQ(row["errors"], 2);
    EXPECT_EQ(row["latency"]["p99_ns"], 5'000'000);
    EXPECT_FALSE(row["latency"].contains("histogram"));
    EXPECT_TRUE(nlohmann::json::parse(series_line({}))["messages_per_s"].is_null());
}
