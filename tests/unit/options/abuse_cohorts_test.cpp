// SPDX-License-Identifier: MIT
#include "client/options/abuse_cohorts.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace echoload;

namespace {

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

TEST(Abuse, ModesAreParsedWithNumbersAndExpectations) {
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

TEST(Abuse, AnInvalidModeIsReportedWithTheValidOnes) {
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
