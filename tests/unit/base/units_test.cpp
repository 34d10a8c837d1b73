// SPDX-License-Identifier: MIT
#include "base/units.hpp"

#include <gtest/gtest.h>

using namespace echod;
using namespace std::chrono_literals;

TEST(Units, DurationsAreParsedInEveryUnit) {
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

TEST(Units, InvalidDurationsAreRefused) {
    for (const char* text :
         {"", "s", "10", "-1s", "1 s", "1s ", "1.s", ".5s", "1e3s", "10sec", "1.5.5s", "0.5ns",
          "9999999999h", "99999999999999999999s", "+1s", "1S"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(Units, AFormattedDurationParsesToTheSameValue) {
    for (const Duration duration : {Duration(0), Duration(1), Duration(1500us), Duration(90s),
                                    Duration(2h), Duration(1500ms), Duration(59min)}) {
        EXPECT_EQ(parse_duration(format_duration(duration)), duration);
    }
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_duration(1500ms), "1500ms");
    EXPECT_EQ(format_duration(0s), "0s");
}

TEST(Units, AHumanizedDurationHasThreeFigures) {
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

TEST(Units, SizesTakeBinaryUnitsAndAreFormattedLikewise) {
    EXPECT_EQ(parse_bytes("4096"), 4096U);
    EXPECT_EQ(parse_bytes("1.5KiB"), 1536U);
    for (const auto& [bytes, text] : {std::pair<std::uint64_t, const char*>{0, "0"},
                                      {1000, "1000"},
                                      {128 * 1024, "128KiB"},
                                      {1 << 20, "1MiB"},
                                      {1 << 30, "1GiB"}}) {
        EXPECT_EQ(format_bytes(bytes), text);
        EXPECT_EQ(parse_bytes(text), bytes);
    }
    for (const char* text : {"", "KiB", "-1", "1kB", "128K", "128 KiB", "0.0001KiB",
                             "9999999999GiB", "99999999999999999999"}) {
        EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
    }
}

TEST(Units, AnIntegerIsDigitsUpToALimit) {
    EXPECT_EQ(parse_integer("0"), 0U);
    EXPECT_EQ(parse_integer("007"), 7U);
    EXPECT_EQ(parse_integer("65535", 65'535), 65'535U);
    EXPECT_EQ(parse_integer("65536", 65'535), std::nullopt);
    EXPECT_EQ(parse_integer("99999999999999999999"), std::nullopt);
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "1.", "1k", "0x1", "one"}) {
        EXPECT_EQ(parse_integer(text), std::nullopt) << text;
    }
}

TEST(Units, ANumberMayHaveAFraction) {
    EXPECT_EQ(parse_number("5"), 5.0);
    EXPECT_EQ(parse_number("99.95"), 99.95);
    EXPECT_EQ(parse_number("0.1"), 0.1);
    for (const char* text :
         {"", ".", ".5", "5.", "1e3", "-1", "inf", "nan", "1,5", "1.5.5", "99999999999999999999"}) {
        EXPECT_EQ(parse_number(text), std::nullopt) << text;
    }
}
