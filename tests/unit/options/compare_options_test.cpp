// SPDX-License-Identifier: MIT
#include "client/options/compare_options.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace echoload;

TEST(FailIf, AConditionIsAFigureADirectionAndAPercentage) {
    FailIf condition = FailIf::parse("p99.9>+10%");
    EXPECT_TRUE(condition.above);
    EXPECT_DOUBLE_EQ(condition.percent, 10);
    EXPECT_DOUBLE_EQ(condition.figure.of_time->percent, 99.9);
    condition = FailIf::parse("rate<-2.5%");
    EXPECT_FALSE(condition.above);
    EXPECT_DOUBLE_EQ(condition.percent, -2.5);
    condition = FailIf::parse("connect.max>50%");
    EXPECT_EQ(condition.figure.latency, "connect");
    EXPECT_EQ(condition.figure.of_time->kind, LatencyFigure::Kind::max);
    EXPECT_FALSE(FailIf::parse("error-rate>0%").figure.of_time);
}

TEST(FailIf, ATextThatIsNoConditionIsRefused) {
    for (const char* text : {"", "p99", "p99>", "p99>%", "p99>+10", "p99=+10%", "speed>+1%",
                             ".p99>+1%", "other.p99>1%", "p99>+-1%", "p99>1e3%", "p99>inf%"}) {
        EXPECT_THROW((void)FailIf::parse(text), std::invalid_argument) << text;
    }
}
