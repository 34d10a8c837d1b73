// SPDX-License-Identifier: MIT
#include "client/report/html.hpp"
#include "client/report/html_table.hpp"
#include "client/report/json.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>

using namespace echoload;

TEST(HtmlTable, TitlesHaveNoUnit) {
    EXPECT_EQ(title_of("timed_out"), "timed out");
    EXPECT_EQ(title_of("p99_9_ns"), "p99.9");
    EXPECT_EQ(title_of("messages_per_s"), "messages a second");
    EXPECT_EQ(title_of("cpu_share"), "cpu");
    EXPECT_EQ(title_of("asked_per_s"), "requested a second");
}

TEST(HtmlTable, AValueIsRoundedInItsUnitBesideTheExactOne) {
    EXPECT_EQ(value_html("p50_ns", 1234567), "<data value=\"1234567\">1.23ms</data>");
    EXPECT_EQ(value_html("sent", 1234567U), "<data value=\"1234567\">1,234,567</data>");
    EXPECT_EQ(value_html("seed", 1234567U), "<data value=\"1234567\">1234567</data>");
    EXPECT_EQ(value_html("name", "<b>"), "&lt;b&gt;");
    EXPECT_EQ(value_html("met", true), "yes");
    EXPECT_EQ(value_html("rate", nullptr), "\xe2\x80\x93");
}

TEST(HtmlReport, HasTheVerdictTheFiguresAndNoBytesThatAreNotUtf8) {
    Options options = ten_seconds();
    options.targets = {"unix:/<\xff>"};
    const RunResult result = good_run();
    const std::string page =
        html_report(stored_result(options, &result, judge(options, result)), Timeline());
    for (const char* part :
         {"<title>echoload: unix:/&lt;\xef\xbf\xbd&gt;</title>", "Verdict: ok</strong> (exit 0)",
          "<caption>Requested</caption>", "<caption>Messages</caption>",
          "<data value=\"1000\">1,000</data>", "id=\"latencies\""}) {
        EXPECT_NE(page.find(part), std::string::npos) << part;
    }
    EXPECT_EQ(page.find('\xff'), std::string::npos);
}

TEST(HtmlReport, ARunWithoutAMessageHasNoCurve) {
    const RunResult nothing;
    const std::string page = html_report(
        stored_result(ten_seconds(), &nothing, judge(ten_seconds(), nothing)), Timeline());
    EXPECT_NE(page.find("Nothing was measured."), std::string::npos);
    EXPECT_EQ(page.find("<figure>"), std::string::npos);
}
