// SPDX-License-Identifier: MIT
#include "client/report.hpp"
#include "client/timeline.hpp"
#include "client/watch.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>

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

TEST(Timeline, ALongRunKeepsItsTotalsAndItsPeaksInAFewPoints) {
    Timeline timeline;
    constexpr int kSeconds = 10'000;
    for (int end = 1; end <= kSeconds; ++end) {
        timeline.add(second(end, end == 4711 ? 3s : 1ms));
        ASSERT_LE(timeline.points().size(), Timeline::kPoints);
    }
    std::uint64_t verified = 0;
    std::optional<Duration> highest;
    Duration last{};
    for (const Timeline::Point& point : timeline.points()) {
        EXPECT_EQ(point.from, last);
        last = point.to;
        verified += point.verified;
        highest = std::max(highest, point.p99);
    }
    EXPECT_EQ(last, std::chrono::seconds(kSeconds));
    EXPECT_EQ(verified, std::uint64_t{kSeconds});
    EXPECT_EQ(highest, Duration(3s));
    EXPECT_EQ(timeline.stride(), 32U);
    EXPECT_GE(timeline.points().size(), Timeline::kPoints / 2);
}

TEST(Timeline, AnIntervalWithoutAMessageHasNoPercentile) {
    Timeline timeline;
    LiveInterval silent;
    silent.at = silent.length = 1s;
    timeline.add(silent);
    EXPECT_FALSE(timeline.points().front().p99);
}

TEST(ProgressBar, ShowsTheShareAndTheTimeLeftWhereTheDurationIsKnown) {
    Options options;
    options.duration = 10s;
    RunResult so_far;
    so_far.tally.connections.up = 50;
    so_far.window = 2500ms;
    EXPECT_EQ(progress_bar(options, so_far, 100),
              "[==========                              ]  25%, 7.50s left");
    so_far.window = 11s;
    EXPECT_EQ(progress_bar(options, so_far, 100).substr(42), " 100%, 0ns left");
}

TEST(ProgressBar, EstimatesTheTimeLeftOfACountByWhatItTookSoFar) {
    Options options;
    options.messages = 1000;
    RunResult so_far;
    so_far.window = 3s;
    EXPECT_EQ(progress_bar(options, so_far, 100).substr(42), "   0%");
    so_far.tally.messages.measured = 750;
    EXPECT_EQ(progress_bar(options, so_far, 100).substr(42), "  75%, 1.00s left");
}

TEST(ProgressBar, SaysWhatARunWaitsForBeforeItIsMeasured) {
    Options options;
    options.duration = 10s;
    RunResult so_far;
    so_far.tally.connections.up = 12;
    EXPECT_EQ(progress_bar(options, so_far, 100), "ramp-up: 12 of 50 connections up");
}

TEST(ProgressBar, FitsATerminalOfAnyWidth) {
    Options options;
    options.duration = 10s;
    RunResult so_far;
    so_far.window = 5s;
    for (std::size_t columns = 0; columns <= 120; ++columns) {
        EXPECT_LE(progress_bar(options, so_far, columns).size(), columns);
    }
}

TEST(Series, EachLineIsAnObjectWithTheIntervalsOwnFigures) {
    LiveInterval interval = second(3, 5ms);
    interval.length = 500ms;
    interval.measured = 2s;
    interval.tally.errors.add(Phase::read, 104, 2);
    const std::string line = series_line(interval);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["at_s"], 3.0);
    EXPECT_EQ(json["measured_s"], 2.0);
    EXPECT_EQ(json["messages_per_s"], 2.0);
    EXPECT_EQ(json["open"], 7);
    EXPECT_EQ(json["errors"], 2);
    EXPECT_EQ(json["latency"]["p99_ns"], 5'000'000);
    EXPECT_FALSE(json["latency"].contains("histogram"));
    EXPECT_TRUE(nlohmann::json::parse(series_line({}))["messages_per_s"].is_null());
}

TEST(HdrText, EachRowSaysHowManyAreAtOrBelowItsValue) {
    Histogram histogram;
    for (int i = 1; i <= 1000; ++i) {
        histogram.record(std::chrono::microseconds(i));
    }
    std::istringstream text(hdr_text(histogram));
    std::string line;
    std::getline(text, line);
    EXPECT_EQ(line, "       Value     Percentile TotalCount 1/(1-Percentile)");
    std::getline(text, line);
    EXPECT_EQ(line, "");
    double previous = -1;
    std::uint64_t total = 0;
    std::string inverse;
    while (std::getline(text, line) && line[0] != '#') {
        std::istringstream row(line);
        double value = 0;
        double percentile = 0;
        ASSERT_TRUE(row >> value >> percentile >> total >> inverse) << line;
        EXPECT_GT(percentile, previous);
        previous = percentile;
        EXPECT_NEAR(value * 1000, static_cast<double>(total), 1.0) << line;
        EXPECT_GE(static_cast<double>(total) + 1e-6, percentile * 1000) << line;
    }
    EXPECT_EQ(total, 1000U);
    EXPECT_EQ(inverse, "inf");
    EXPECT_EQ(previous, 1.0);
    EXPECT_EQ(line.rfind("#[Mean    =     0.500500, StdDeviation   =     0.2887", 0), 0U) << line;
    std::getline(text, line);
    EXPECT_EQ(line, "#[Max     =     1.000000, Total count    =         1000]");
    EXPECT_NE(hdr_text(Histogram()).find("Total count    =            0]"), std::string::npos);
}
