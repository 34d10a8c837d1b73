// SPDX-License-Identifier: MIT
#include "client/result/abuse_result.hpp"

#include <gtest/gtest.h>

using namespace echoload;

namespace {

AbuseCounts hundred() {
    AbuseCounts counts;
    counts.asked = counts.opened = counts.open_at_end = 100;
    counts.whole_messages = counts.echoed = 500;
    return counts;
}

} // namespace

TEST(Abuse, CloseIsMetWhereTheServerClosedEveryOne) {
    AbuseCounts counts = hundred();
    EXPECT_EQ(unmet(AbuseMode::idle, Expectation::close, counts),
              "idle was expected to close: the server closed 0 of 100");
    counts.closed_by_fin = 60;
    counts.closed_by_rst = 39;
    EXPECT_TRUE(unmet(AbuseMode::idle, Expectation::close, counts));
    counts.closed_by_rst = 40;
    EXPECT_FALSE(unmet(AbuseMode::idle, Expectation::close, counts));
}

TEST(Abuse, KeepIsMetWhereTheServerClosedNone) {
    AbuseCounts counts = hundred();
    EXPECT_FALSE(unmet(AbuseMode::idle, Expectation::keep, counts));
    counts.closed_by_rst = 1;
    EXPECT_TRUE(unmet(AbuseMode::idle, Expectation::keep, counts));
}

TEST(Abuse, EchoIsMetWhereEveryWholeMessageCameBackRightly) {
    AbuseCounts counts = hundred();
    EXPECT_FALSE(unmet(AbuseMode::dribble, Expectation::echo, counts));
    counts.echoed = 499;
    EXPECT_EQ(unmet(AbuseMode::dribble, Expectation::echo, counts),
              "dribble was expected to echo: 499 of 500 messages were echoed, 0 wrong");
    counts = hundred();
    counts.wrong = 1;
    EXPECT_TRUE(unmet(AbuseMode::dribble, Expectation::echo, counts));
    counts = hundred();
    counts.whole_messages = counts.echoed = 0;
    EXPECT_TRUE(unmet(AbuseMode::dribble, Expectation::echo, counts)) << "nothing was shown";
}

TEST(Abuse, NothingIsMetWhereConnectionsWereRefused) {
    for (const Expectation each : {Expectation::close, Expectation::echo, Expectation::keep}) {
        AbuseCounts counts = hundred();
        counts.opened = 99;
        counts.refused = 1;
        EXPECT_TRUE(unmet(AbuseMode::idle, each, counts));
    }
}
