// SPDX-License-Identifier: MIT
#include "server/server.hpp"

#include <gtest/gtest.h>

using namespace echod;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1h};

} // namespace

TEST(RateLimit, TheFirstTimeIsSaidAndHeldNothingBack) {
    RateLimit limit;
    EXPECT_EQ(limit.allow(kStart), 0U);
}

TEST(RateLimit, WhatIsHeldBackIsCountedWithTheNextThatIsSaid) {
    RateLimit limit;
    (void)limit.allow(kStart);
    EXPECT_EQ(limit.allow(kStart + 1s), std::nullopt);
    EXPECT_EQ(limit.allow(kStart + 9s, 5), std::nullopt);
    EXPECT_EQ(limit.allow(kStart + 10s), 6U);
    EXPECT_EQ(limit.allow(kStart + 20s), 0U);
}

TEST(RateLimit, OfSeveralTimesAtOnceAllButOneAreMore) {
    RateLimit limit;
    EXPECT_EQ(limit.allow(kStart, 3), 2U);
}
