// SPDX-License-Identifier: MIT
#include "client/measure/tally.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>

#include <cerrno>

using namespace echoload;

TEST(Tally, MergingAddsEverything) {
    Tally sum;
    for (int i = 0; i < 3; ++i) {
        Tally part = good_run().tally;
        part.errors.add(Phase::read, ECONNRESET);
        part.errors.add(Phase::write, EPIPE, 2);
        part.messages.lost = 1;
        part.mismatches = 1;
        sum.merge(part);
    }
    EXPECT_EQ(sum.connections.up, 6U);
    EXPECT_EQ(sum.messages.verified, 3000U);
    EXPECT_EQ(sum.messages.lost, 3U);
    EXPECT_EQ(sum.mismatches, 3U);
    EXPECT_EQ(sum.bytes.in_window, 297'000U);
    EXPECT_EQ(sum.service.count(), 3000U);
    EXPECT_EQ(sum.errors.total(), 9U);
    ASSERT_EQ(sum.errors.rows().size(), 2U);
    EXPECT_EQ(sum.errors.rows()[0].phase, Phase::write);
    EXPECT_EQ(sum.errors.rows()[0].count, 6U);
    sum.clear();
    EXPECT_EQ(sum.messages.verified + sum.errors.total() + sum.service.count(), 0U);
}
