// SPDX-License-Identifier: MIT
#include "server/loop/rate_limit.hpp"

#include <gtest/gtest.h>

using namespace echod;
using namespace std::chrono_literals;

namespace {

const TimePoint kLimitStart{1h};

} // namespace

TEST(RateLimit, LogsTheFirstOccurrence) {
    RateLimit limit;
    EXPECT_EQ(limit.allow(kLimitStart), 0U);
}

TEST(RateLimit, CountsSuppressedOccurrencesWithTheNextMessage) {
    RateLimit limit;
    (void)limit.allow(kLimitStart);
    EXPECT_EQ(limit.allow(kLimitStart + 1s), std::nullopt);
    EXPECT_EQ(limit.allow(kLimitStart + 9s, 5), std::nullopt);
    EXPECT_EQ(limit.allow(kLimitStart + 10s), 6U);
    EXPECT_EQ(limit.allow(kLimitStart + 20s), 0U);
}

TEST(RateLimit, CountsAllButOneOfSeveralOccurrencesAtOnce) {
    RateLimit limit;
    EXPECT_EQ(limit.allow(kLimitStart, 3), 2U);
}
