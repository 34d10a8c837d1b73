// SPDX-License-Identifier: MIT
#include "client/result/timeline.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// The second that ends at `end`: one message, of `latency`.
LiveInterval one_second(int end, Duration latency) {
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
        timeline.add(one_second(end, end == 4711 ? 3s : 1ms));
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
