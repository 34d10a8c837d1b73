// SPDX-License-Identifier: MIT
#include "client/measure/condition.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

using namespace echoload;
using namespace std::chrono_literals;

TEST(Condition, ARequiredOneIsAFigureAComparisonAndAValueInItsUnit) {
    Condition condition = Condition::parse_required("p99.95<1500us");
    EXPECT_EQ(condition.figure.name, "p99.95");
    EXPECT_DOUBLE_EQ(condition.figure.of_time->percent, 99.95);
    EXPECT_EQ(condition.comparison, Comparison::below);
    EXPECT_DOUBLE_EQ(condition.value, 1'500'000);
    EXPECT_FALSE(condition.relative);
    condition = Condition::parse_required("rate>=10k");
    EXPECT_EQ(condition.figure.unit, Unit::per_second);
    EXPECT_EQ(condition.comparison, Comparison::at_least);
    EXPECT_DOUBLE_EQ(condition.value, 10'000);
    condition = Condition::parse_required("errors<0.1%");
    EXPECT_EQ(condition.figure.unit, Unit::share);
    EXPECT_DOUBLE_EQ(condition.value, 0.001);
    condition = Condition::parse_required("lost<=0");
    EXPECT_EQ(condition.figure.unit, Unit::messages);
    EXPECT_EQ(condition.comparison, Comparison::at_most);
    condition = Condition::parse_required("outages<=1");
    EXPECT_EQ(condition.figure.unit, Unit::outages);
    EXPECT_TRUE(condition.figure.is_of_outages());
    condition = Condition::parse_required("outage<500ms");
    EXPECT_EQ(condition.figure.unit, Unit::nanoseconds);
    EXPECT_DOUBLE_EQ(condition.value, 5e8);
    EXPECT_TRUE(condition.figure.is_of_outages());
    EXPECT_TRUE(Condition::parse_required("interruption.p99<1s").figure.is_of_outages());
    condition = Condition::parse_required("connect.max>1ms");
    EXPECT_FALSE(condition.figure.is_of_outages());
    EXPECT_EQ(condition.figure.latency, "connect");
    EXPECT_EQ(condition.figure.of_time->kind, LatencyFigure::Kind::max);
    EXPECT_EQ(condition.comparison, Comparison::above);
}

TEST(Condition, AnEqualsSignOfALatencyMeansAtMost) {
    const Condition condition = Condition::parse_required("p99=5ms");
    EXPECT_EQ(condition.comparison, Comparison::at_most);
    EXPECT_TRUE(condition.holds(5e6));
    EXPECT_FALSE(condition.holds(5e6 + 1));
    EXPECT_THROW((void)Condition::parse_required("rate=5"), std::invalid_argument)
        << "which of the two would be meant is not clear";
}

TEST(Condition, WhatIsNoneIsRefusedWithTheFormThatIsRight) {
    for (const char* text :
         {"",          "p99",         "p99<",        "p99<5",         "<5ms",     "p0<1ms",
          "p100<1ms",  "p<1ms",       "p9e1<1ms",    "p-1<1ms",       "pnan<1ms", "median<1ms",
          "p99<-1ms",  "p99<1ms<2ms", "p99==1ms",    "p99=<1ms",      "rate<5ms", "rate<-5",
          "rate>=1.5", "errors<1",    "errors<101%", "lost<=0%",      "lost<1ms", "outage<5",
          "outage=5s", "outages<5ms", "p99<+10%",    "other.p99<1ms", ".p99<1ms", "p99 < 5ms"}) {
        try {
            (void)Condition::parse_required(text);
            ADD_FAILURE() << text << " was taken";
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find("p99.9<5ms"), std::string::npos);
        }
    }
}

TEST(Condition, ARefusedOneMayBeAChangeFromTheOtherResult) {
    Condition condition = Condition::parse_refused("p99.9>+10%");
    EXPECT_TRUE(condition.relative);
    EXPECT_EQ(condition.comparison, Comparison::above);
    EXPECT_DOUBLE_EQ(condition.value, 10);
    condition = Condition::parse_refused("rate<-2.5%");
    EXPECT_EQ(condition.comparison, Comparison::below);
    EXPECT_DOUBLE_EQ(condition.value, -2.5);
    EXPECT_TRUE(Condition::parse_refused("connect.max>50%").relative);
    EXPECT_TRUE(Condition::parse_refused("error-rate>0%").relative);
    EXPECT_TRUE(Condition::parse_refused("errors>+10%").relative);
    condition = Condition::parse_refused("errors>0.1%");
    EXPECT_FALSE(condition.relative);
    EXPECT_DOUBLE_EQ(condition.value, 0.001);
    EXPECT_FALSE(Condition::parse_refused("p99>5ms").relative);
    EXPECT_FALSE(Condition::parse_refused("rate<10k").relative);
    for (const char* text : {"", "p99", "p99>", "p99>%", "p99>+10", "p99=+10%", "speed>+1%",
                             ".p99>+1%", "other.p99>1%", "p99>+-1%", "p99>1e3%", "p99>inf%"}) {
        EXPECT_THROW((void)Condition::parse_refused(text), std::invalid_argument) << text;
    }
}

TEST(Condition, AShareIsReadInPerCent) {
    for (const char* text : {"", "%", "1", "101%", "-1%", "x%", "1%%", "inf%"}) {
        EXPECT_THROW((void)parse_share(text), std::invalid_argument) << text;
    }
    EXPECT_DOUBLE_EQ(parse_share("0.1%"), 0.001);
    EXPECT_EQ(format_share(parse_share("0.1%")), "0.1%");
}

TEST(Condition, AValueIsShownRoundedOrAsItWouldBeWritten) {
    EXPECT_EQ(rounded_value(Unit::nanoseconds, 1'234'567), "1.23ms");
    EXPECT_EQ(exact_value(Unit::nanoseconds, 1'234'567), "1234567ns");
    EXPECT_EQ(rounded_value(Unit::per_second, 12'345.6), "12,346/s");
    EXPECT_EQ(exact_value(Unit::per_second, 10'000), "10000/s");
    EXPECT_EQ(rounded_value(Unit::bytes_per_second, 1'234'567), "1.23 MB/s");
    EXPECT_EQ(rounded_value(Unit::messages, 1'234), "1,234");
    EXPECT_EQ(exact_value(Unit::messages, 1'234), "1234");
}

TEST(Condition, WhatEndsARunIsKnownDuringIt) {
    const Condition condition = Condition::parse_ending("p99>1s");
    EXPECT_EQ(condition.figure.name, "p99");
    EXPECT_EQ(condition.value, 1e9);
    EXPECT_TRUE(condition.holds(2e9));
    EXPECT_FALSE(condition.holds(1e9));
    EXPECT_TRUE(Condition::parse_ending("rate<100").holds(99));
    EXPECT_TRUE(Condition::parse_ending("errors>5%").holds(0.06));
    for (const char* text : {"p99=1s", "p99", "p99>", "p99>5%", "x>1", "outages>1", "outage>1s",
                             "interruption.p99>1s", "rate<-5%", "rate==5"}) {
        EXPECT_THROW((void)Condition::parse_ending(text), std::invalid_argument) << text;
    }
}
