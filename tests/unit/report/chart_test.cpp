// SPDX-License-Identifier: MIT
#include "client/report/chart.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

using namespace echoload;

namespace {

std::string plain(double value) {
    return fmt::format("{:g}", value);
}

std::vector<std::string> labels(const Axis& axis) {
    std::vector<std::string> texts;
    for (const Tick& tick : axis.ticks) {
        texts.push_back(tick.label);
    }
    return texts;
}

} // namespace

TEST(Chart, WhatHasAMeaningInHtmlIsEscaped) {
    EXPECT_EQ(escape("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
    EXPECT_EQ(escape("a\x1b[0m\n\tb"), "a\xef\xbf\xbd[0m\n\tb");
    EXPECT_EQ(escape("\xc3\xa4"), "\xc3\xa4");
    EXPECT_EQ(escape("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

TEST(Chart, BytesThatAreNotUtf8AreReplaced) {
    const std::string replaced = "\xef\xbf\xbd";
    EXPECT_EQ(escape("a\xff"), "a" + replaced);
    EXPECT_EQ(escape("\xc3"), replaced) << "cut off";
    EXPECT_EQ(escape("\xc3<"), replaced + "&lt;");
    EXPECT_EQ(escape("\xc0\xaf"), replaced + replaced) << "an overlong form";
    EXPECT_EQ(escape("\xed\xa0\x80"), replaced + replaced + replaced) << "a surrogate";
}

TEST(Chart, ALinearAxisBeginsAtNothingAndEndsAtARoundNumber) {
    EXPECT_EQ(labels(linear_axis(45'000, "", plain)),
              (std::vector<std::string>{"0", "10000", "20000", "30000", "40000", "50000"}));
    EXPECT_EQ(labels(linear_axis(0.3, "", plain)).back(), "0.3");
    for (const double largest :
         {0.0, 1e-9, 1.0, 9.99, 10.0, 123456789.0, std::numeric_limits<double>::infinity()}) {
        const Axis axis = linear_axis(largest, "", plain);
        EXPECT_GE(axis.ticks.size(), 2U) << largest;
        EXPECT_LE(axis.ticks.size(), 7U) << largest;
        EXPECT_LT(axis.low, axis.high) << largest;
    }
}

TEST(Chart, ALogarithmicAxisHoldsBothEndsAndHasAtLeastTwoTicks) {
    EXPECT_EQ(labels(logarithmic_axis(30, 400, "", plain)),
              (std::vector<std::string>{"20", "50", "100", "200", "500"}));
    EXPECT_EQ(labels(logarithmic_axis(30, 40'000, "", plain)),
              (std::vector<std::string>{"10", "100", "1000", "10000", "100000"}));
    for (double value = 1; value < 1e15; value *= 1.37) {
        const Axis axis = logarithmic_axis(value, value, "", plain);
        EXPECT_LE(axis.low, value * 1.001);
        EXPECT_GE(axis.high, value);
        EXPECT_GE(axis.ticks.size(), 2U);
    }
}

TEST(Chart, PlacesAreHeldToTheAxis) {
    const Axis axis = logarithmic_axis(10, 1000, "", plain);
    EXPECT_DOUBLE_EQ(axis.place(100), 0.5);
    EXPECT_DOUBLE_EQ(axis.place(1), 0);
    EXPECT_DOUBLE_EQ(axis.place(1e9), 1);
    EXPECT_DOUBLE_EQ(axis.place(0), 0);
}

TEST(Chart, ALineBreaksWhereThereIsNoNumber) {
    Chart chart{"id",
                "A & B",
                "what it shows",
                linear_axis(10, "time", plain),
                linear_axis(10, "", plain),
                {{"one", {{0, 1}, {1, 2}}}}};
    const auto moves = [&chart] {
        const std::string text = svg(chart, 400, 200);
        const std::size_t from = text.find("d=\"", text.find("line line0")) + 3;
        const std::string path = text.substr(from, text.find('"', from) - from);
        return std::count(path.begin(), path.end(), 'M');
    };
    EXPECT_EQ(moves(), 1);
    chart.lines[0].points = {{0, 1}, {1, std::numeric_limits<double>::quiet_NaN()}, {2, 1}};
    EXPECT_EQ(moves(), 2);
}

TEST(Chart, SaysInWordsWhatItShows) {
    const Chart chart{"curve", "A & B", "what it shows", {}, {}, {}};
    const std::string text = svg(chart, 400, 200);
    EXPECT_NE(text.find("role=\"img\" aria-labelledby=\"curve-400-title curve-400-desc\""),
              std::string::npos);
    EXPECT_NE(text.find("<title id=\"curve-400-title\">A &amp; B</title>"), std::string::npos);
    EXPECT_NE(text.find("<desc id=\"curve-400-desc\">what it shows</desc>"), std::string::npos);
}

TEST(Chart, LabelsDoNotRunIntoEachOther) {
    Chart chart{"id", "", "", {0, 1, false, {}, ""}, {0, 1, false, {}, ""}, {}};
    for (int i = 0; i <= 100; ++i) {
        chart.x.ticks.push_back({i / 100.0, "12345678"});
        chart.y.ticks.push_back({i / 100.0, "12345678"});
    }
    const std::string text = svg(chart, 360, 260);
    std::size_t shown = 0;
    for (std::size_t at = text.find(">12345678<"); at != std::string::npos;
         at = text.find(">12345678<", at + 1)) {
        ++shown;
    }
    EXPECT_GT(shown, 10U);
    EXPECT_LT(shown, 20U);
}

TEST(Chart, AnIntervalOnItsOwnIsABarAsWideAsItsTime) {
    Chart chart{
        "id",
        "",
        "",
        {0, 10, false, {}, ""},
        {0, 10, false, {}, ""},
        {{"one", {{10, 10}}}, {"nothing", {{10, std::numeric_limits<double>::quiet_NaN()}}}}};
    chart.bars_from = 5;
    const std::string text = svg(chart, 400, 200);
    // The plot is from (62, 10) to (386, 156).
    EXPECT_NE(text.find("<path class=\"bar line0\" d=\"M224.0 156.0V10.0H386.0V156.0\"/>"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("line1"), std::string::npos);
}
