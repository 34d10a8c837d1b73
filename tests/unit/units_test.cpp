// SPDX-License-Identifier: MIT
#include "base/units.hpp"

#include <gtest/gtest.h>

using namespace echod;
using namespace std::chrono_literals;

TEST(Units, DurationsAreReadInEveryUnit) {
    EXPECT_EQ(parse_duration("7ns"), 7ns);
    EXPECT_EQ(parse_duration("250us"), 250us);
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("1.5ms"), 1500us);
    EXPECT_EQ(parse_duration("0.1s"), 100ms);
    EXPECT_EQ(parse_duration("0"), 0s);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Units, WhatIsNoDurationIsRefused) {
    for (const char* text :
         {"", "s", "10", "-1s", "1 s", "1s ", "1.s", ".5s", "1e3s", "10sec", "1.5.5s", "0.5ns",
          "9999999999h", "99999999999999999999s", "+1s", "1S"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(Units, AFormattedDurationReadsBackTheSame) {
    for (const Duration duration : {Duration(0), Duration(1), Duration(1500us), Duration(90s),
                                    Duration(2h), Duration(1500ms), Duration(59min)}) {
        EXPECT_EQ(parse_duration(format_duration(duration)), duration);
    }
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_duration(1500ms), "1500ms");
    EXPECT_EQ(format_duration(0s), "0s");
}

TEST(Units, APersonReadsThreeFigures) {
    EXPECT_EQ(humanize_duration(87ns), "87ns");
    EXPECT_EQ(humanize_duration(87'400ns), "87.4us");
    EXPECT_EQ(humanize_duration(1'234us), "1.23ms");
    EXPECT_EQ(humanize_duration(12s), "12.0s");
    EXPECT_EQ(humanize_duration(123s), "123s");
}

TEST(Units, CountsTakeKAndM) {
    EXPECT_EQ(parse_count("0"), 0U);
    EXPECT_EQ(parse_count("500"), 500U);
    EXPECT_EQ(parse_count("10k"), 10'000U);
    EXPECT_EQ(parse_count("1.5M"), 1'500'000U);
    for (const char* text :
         {"", "k", "-1", "1.5", "1K", "1 k", "0.0001k", "99999999999999999999"}) {
        EXPECT_EQ(parse_count(text), std::nullopt) << text;
    }
}
