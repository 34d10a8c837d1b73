// SPDX-License-Identifier: MIT
#include "client/abuse.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace echoload;

namespace {

AbuseCounts hundred() {
    AbuseCounts counts;
    counts.asked = counts.opened = counts.open_at_end = 100;
    counts.whole_messages = counts.echoed = 500;
    return counts;
}

std::string refusal(void (*parse)(AbuseOptions&)) {
    AbuseOptions options;
    try {
        parse(options);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST(Abuse, ModesAreReadWithTheirNumbersAndExpectations) {
    AbuseOptions options;
    options.parse_connections("slow-read:1,dribble:2,idle:3,half-header:4,oversize:5,garbage:6,"
                              "rst:7,never-read:1k");
    EXPECT_EQ(options.connections, (PerAbuseMode<std::uint32_t>{1, 2, 3, 4, 5, 6, 7, 1000}));
    EXPECT_EQ(options.total(), 1028U);
    options.parse_expected("idle=close,dribble=echo,never-read=keep");
    EXPECT_EQ(options.expected[1], Expectation::echo);
    EXPECT_EQ(options.expected[2], Expectation::close);
    EXPECT_EQ(options.expected[7], Expectation::keep);
    EXPECT_FALSE(options.expected[0]);
}

TEST(Abuse, WhatIsNoModeIsNamedWithWhatWouldBeRight) {
    EXPECT_NE(refusal([](AbuseOptions& o) {
                  o.parse_connections("slow:3");
              }).find("a MODE of slow-read, dribble, idle"),
              std::string::npos);
    EXPECT_NE(refusal([](AbuseOptions& o) { o.parse_connections("idle"); }).find("MODE:N"),
              std::string::npos);
    EXPECT_NE(refusal([](AbuseOptions& o) { o.parse_connections("idle:0"); }).find("1 to 1000000"),
              std::string::npos);
    EXPECT_NE(refusal([](AbuseOptions& o) {
                  o.parse_expected("idle=gone");
              }).find("close, echo or keep, is 'gone'"),
              std::string::npos);
    EXPECT_NE(refusal([](AbuseOptions& o) { o.parse_expected("idle=keep,"); }).find("is ''"),
              std::string::npos);
}

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
