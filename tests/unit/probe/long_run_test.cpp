// SPDX-License-Identifier: MIT
// Runs of a week and of a month, on a clock that the test turns.
#include "client/measure/outage_tracker.hpp"
#include "client/probe/metrics.hpp"
#include "client/report/json.hpp"
#include "client/report/nagios.hpp"
#include "client/report/series.hpp"
#include "client/result/timeline.hpp"
#include "client/result/verdict.hpp"
#include "tests/unit/load/session_fixture.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

using namespace echoload;

namespace {

constexpr Duration kWeek = std::chrono::hours(7 * 24);

// A session over a path that forgets its connection at one message in a million: that message and
// what is sent after it have no echo.
struct LossyPath : SessionTest {
    static constexpr std::uint64_t kLostOne = 1'000'000;
    static constexpr std::uint32_t kBurst = 100; // sent at once, which is 10 s of the schedule
    static constexpr Duration kBurstTime = 10s;
    static constexpr Duration kTimeout = 1s;

    // Sends a burst; the path drops from the message on that is the millionth.
    void exchange() {
        session.queue(kBurst, true);
        send();
        std::array<std::byte, 4096> bytes{};
        const auto size = echod::receive(server.get(), bytes).bytes;
        ASSERT_EQ(size, kBurst * kHeader);
        const std::uint64_t to_loss = kLostOne - 1 - sent % kLostOne;
        const auto passed = std::min<std::uint64_t>(to_loss, kBurst);
        sent += kBurst;
        const auto echoes = std::span(bytes).first(passed * kHeader);
        now += 100us;
        if (!echoes.empty()) {
            ASSERT_EQ(session.verify(rules, echoes, time(), tally, found), VerifyState::ok);
        }
        if (passed != kBurst) {
            now += kTimeout;
            session.end(Ending::timed_out, now, kTimeout, tally);
            attach(0);
        }
    }

    static constexpr std::size_t kHeader = 8;
    std::uint64_t sent = 0;
};

Options probe_options() {
    Options options;
    options.targets = {"127.0.0.1:8007"};
    options.connections = 1;
    options.forever = true;
    options.reconnect = true;
    return options;
}

} // namespace

TEST_F(LossyPath, OneMessageInAMillionIsFoundInAWeek) {
    generator = Generator(42, SizeLaw::parse("0"));
    attach(0);
    RunFigures figures;
    LiveInterval interval;
    const TimePoint start = now;
    while (now - start < kWeek) {
        const TimePoint next = now + kBurstTime;
        exchange();
        ASSERT_FALSE(HasFatalFailure());
        now = std::max(now, next);
        if (sent % 36'000 == 0) { // an hour
            interval.at = now - start;
            interval.tally = tally;
            tally.clear();
            figures.add(interval);
        }
    }
    figures.tally.merge(tally);
    constexpr std::uint64_t kLosses = 6; // of 6,048,000 messages
    const MessageCounts& counts = figures.tally.messages;
    EXPECT_EQ(sent, 6'048'000U);
    EXPECT_EQ(counts.timed_out + counts.lost, kLosses);
    EXPECT_EQ(counts.verified, sent - kLosses);

    RunResult result;
    result.tally = figures.tally;
    result.tally.connections.up = 1 + kLosses;
    result.window = result.elapsed = now - start;
    result.outages.emplace();
    result.signal = SIGTERM;
    const Verdict verdict = judge(probe_options(), result);
    EXPECT_EQ(verdict.exit_code, 5);
    const StoredResult stored = stored_result(probe_options(), &result, verdict);
    EXPECT_EQ(plugin_state(stored), PluginState::critical);
    EXPECT_NE(plugin_line(stored).find(" lost=6 "), std::string::npos) << plugin_line(stored);
    EXPECT_NE(metrics_text(figures).find("{outcome=\"timed_out\"} 6\n"), std::string::npos);
}

TEST(LongRun, AMonthNeedsNoMoreMemoryThanADay) {
    constexpr Duration kInterval = 5min;
    constexpr int kDay = 24 * 12;
    const TimePoint start(1000s);
    OutageTracker tracker(2, {"a:1"}, start);
    LiveTargets live({"a:1"}, 1);
    RunFigures figures;
    Timeline timeline;
    Tally tally;
    tracker.opens(0, 0, start);
    std::size_t after_a_week = 0;
    std::size_t longest_line = 0;
    TimePoint now = start;
    for (int i = 1; i <= 30 * kDay; ++i) {
        now += kInterval;
        tracker.answered(0, 0, now - 10s);
        tracker.lost(0, 0, 1, ErrorCount{Phase::read, ECONNRESET, 1}, now - 9s);
        tracker.answered(0, 0, now - 5s);
        LiveInterval interval;
        interval.at = now - start;
        interval.length = kInterval;
        interval.reconnects = true;
        interval.tally.messages.verified = 600;
        interval.tally.service.record(100us + i * 1us, 600);
        live.add(0, {{600, 1, 1}}, tracker.take_interval(now));
        EXPECT_EQ(interval.outages_begun = live.end_interval(), 1U);
        interval.targets = live.states();
        longest_line = std::max(longest_line, series_line(interval).size());
        figures.add(interval);
        timeline.add(interval);
        if (i == 7 * kDay) {
            after_a_week = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
        }
    }
    EXPECT_LE(::mallinfo2().uordblks + ::mallinfo2().hblkhd, after_a_week + 64 * 1024);
    EXPECT_LT(longest_line, 1024U); // 8.6 MB a day at an interval of 10 s
    EXPECT_LE(timeline.points().size(), Timeline::kPoints);
    const Outages outages = tracker.finish(now);
    EXPECT_EQ(outages.count(), 30U * kDay);
    EXPECT_EQ(outages.list.size(), Outages::kListed);
    EXPECT_EQ(outages.not_listed, 30U * kDay - Outages::kListed);
    EXPECT_EQ(live.outages()->count(), outages.count());
    EXPECT_EQ(figures.targets.front().outages, outages.count());
    EXPECT_EQ(figures.targets.front().out, 30 * kDay * 5s);
    EXPECT_TRUE(figures.targets.front().up);
    EXPECT_EQ(figures.tally.messages.verified, 600U * 30 * kDay);
}
