// SPDX-License-Identifier: MIT
#include "client/probe/journal_entry.hpp"
#include "client/probe/metrics.hpp"

#include <gtest/gtest.h>

#include <cerrno>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

LiveInterval interval_with_timeout() {
    LiveInterval interval;
    interval.at = interval.length = 10s;
    interval.open = 1;
    interval.reconnects = true;
    interval.tally.messages.sent = 4;
    interval.tally.messages.verified = 3;
    interval.tally.messages.timed_out = 1;
    interval.tally.errors.add(Phase::timeout, ETIMEDOUT);
    interval.tally.service.record(9us);
    interval.tally.service.record(11us);
    interval.tally.service.record(3s);
    interval.tally.service.record(1min);
    interval.targets = {{"a\"b:1", 1, true, 2, 1500ms, 500ms}};
    return interval;
}

bool has(const std::string& text, const std::string& line) {
    return text.find(line) != std::string::npos;
}

} // namespace

TEST(Metrics, BucketsAreCumulativeAndEndAtTheirBound) {
    RunFigures figures;
    figures.add(interval_with_timeout());
    const std::string text = metrics_text(figures);
    EXPECT_TRUE(has(text, "echoload_latency_seconds_bucket{le=\"1e-05\"} 1\n")) << text;
    EXPECT_TRUE(has(text, "echoload_latency_seconds_bucket{le=\"2.5e-05\"} 2\n"));
    EXPECT_TRUE(has(text, "echoload_latency_seconds_bucket{le=\"2.5\"} 2\n"));
    EXPECT_TRUE(has(text, "echoload_latency_seconds_bucket{le=\"5\"} 3\n"));
    EXPECT_TRUE(has(text, "echoload_latency_seconds_bucket{le=\"10\"} 3\n"));
    EXPECT_TRUE(has(text, "echoload_latency_seconds_bucket{le=\"+Inf\"} 4\n"));
    EXPECT_TRUE(has(text, "echoload_latency_seconds_sum 63.000020000\n"));
    EXPECT_TRUE(has(text, "echoload_latency_seconds_count 4\n"));
}

TEST(Metrics, CountersAddUpAndTargetsAreTheLastOnes) {
    RunFigures figures;
    figures.add(interval_with_timeout());
    figures.add(interval_with_timeout());
    const std::string text = metrics_text(figures);
    EXPECT_TRUE(has(text, "echoload_messages_total{outcome=\"verified\"} 6\n"));
    EXPECT_TRUE(has(text, "echoload_errors_total{phase=\"timeout\",error=\"ETIMEDOUT\"} 2\n"));
    EXPECT_TRUE(has(text, "echoload_up{target=\"a\\\"b:1\"} 1\n"));
    EXPECT_TRUE(has(text, "echoload_outages_total{target=\"a\\\"b:1\"} 2\n"));
    EXPECT_TRUE(has(text, "echoload_outage_seconds_total{target=\"a\\\"b:1\"} 1.500000000\n"));
    EXPECT_TRUE(has(text, "echoload_outage{target=\"a\\\"b:1\"} 1\n"));
    figures.reconnects = false;
    EXPECT_FALSE(has(metrics_text(figures), "echoload_outage"));
    EXPECT_FALSE(has(text, "outcome=\"shed\""));
}

TEST(JournalEntry, HasTheFiguresOfTheIntervalAndOfTheRun) {
    RunFigures figures;
    figures.add(interval_with_timeout());
    figures.add(interval_with_timeout());
    const std::string entry = journal_entry(interval_with_timeout(), figures);
    EXPECT_TRUE(has(entry, "\nMESSAGE_ID=" + std::string(kProbeMessageId) + "\n")) << entry;
    EXPECT_TRUE(has(entry, "\nPRIORITY=4\n"));
    EXPECT_TRUE(has(entry, "\nECHOLOAD_SENT=8\n"));
    EXPECT_TRUE(has(entry, "\nECHOLOAD_INTERVAL_SENT=4\n"));
    EXPECT_TRUE(has(entry, "\nECHOLOAD_OUTAGE_NSEC=1500000000\n"));
    EXPECT_EQ(entry.find("MESSAGE=10.0s  1 up  0 messages/s"), 0U);
    LiveInterval good = interval_with_timeout();
    good.tally.clear();
    EXPECT_TRUE(has(journal_entry(good, figures), "\nPRIORITY=6\n"));
    good.targets.front().up = false;
    EXPECT_TRUE(has(journal_entry(good, figures), "\nPRIORITY=4\n"));
}
