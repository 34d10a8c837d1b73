// SPDX-License-Identifier: MIT
#include "client/report/json.hpp"
#include "client/report/text.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cerrno>

using namespace echoload;
using namespace std::chrono_literals;
using nlohmann::json;

TEST(Report, AnOptionThatIsNotTheDefaultIsInTextAndJson) {
    const struct {
        void (*ask)(Options& options);
        const char* words;
    } cases[] = {
        {[](Options& o) { o.threads = 2; }, ", 2 threads"},
        {[](Options& o) { o.think = 20ms; }, ", think 20ms"},
        {[](Options& o) { o.busy_poll = 50us; }, ", busy poll 50us"},
        {[](Options& o) { o.source = SourceRange::parse("127.0.0.0/8"); }, ", from 127.0.0.0/8"},
        {[](Options& o) { o.conn_messages = 1000; }, ", 1,000 messages a connection"},
        {[](Options& o) { o.close = Close::half; }, ", close half"},
        {[](Options& o) { o.close = Close::reset; }, ", close rst"},
        {[](Options& o) { o.abuse.parse_connections("rst:7,idle:2"); }, ", abuse idle:2,rst:7"},
        {[](Options& o) { o.abuse.parse_expected("idle=keep"); }, ", expect idle=keep"},
        {[](Options& o) { o.connect_rate = 50; }, ", 50 connections a second"},
    };
    const RunResult result = good_run();
    const auto text_of = [&result](const Options& options) {
        return text_report(stored_result(options, &result, Verdict{}));
    };
    const auto asked = [&result](const Options& options) {
        return json::parse(json_report(options, &result, Verdict{}))["asked"];
    };
    for (const auto& each : cases) {
        Options options = ten_seconds();
        each.ask(options);
        EXPECT_NE(text_of(options).find(each.words), std::string::npos) << text_of(options);
        EXPECT_EQ(text_of(ten_seconds()).find(each.words), std::string::npos) << each.words;
        EXPECT_NE(asked(options), asked(ten_seconds())) << each.words;
    }
    Options open = ten_seconds();
    open.pace = Pace{5, 5};
    EXPECT_NE(text_of(open).find(", at most 100,000 due and unanswered"), std::string::npos);
}

TEST(TextReport, NamesEveryFigureASeedAndTheVerdict) {
    const Options options = ten_seconds();
    const RunResult result = good_run();
    const std::string text = text_report(stored_result(options, &result, judge(options, result)));
    for (const char* words :
         {"closed loop", "2 connections with 1 in flight to 127.0.0.1:8007", "sizes uniform:0-1016",
          "seed 9007199254740991", "requested 2, up 2, peak 2, failed 0, ended early 0",
          "ramp-up 1.00ms", "sent 1,000, verified 1,000, wrong 0, timed out 0, lost 0",
          "99 messages/s, 9.90 kB/s each way, over 10.0s", "p50 500ns", "p90 900ns", "p99 990ns",
          "p99.9 999ns", "max 1.00us", "closed loop, of 1,000", "errors      none",
          "verdict     ok"}) {
        EXPECT_NE(text.find(words), std::string::npos) << words << " in\n" << text;
    }
    EXPECT_EQ(text_failures(stored_result(ten_seconds(), &result, judge(options, result))), "");
}

TEST(TextReport, AWrongEchoIsShownWithBothHexdumpsAndAMarkAtItsLine) {
    RunResult result = good_run();
    result.tally.mismatches = 1;
    result.mismatches.push_back(flipped_bit());
    const std::string text =
        text_failures(stored_result(ten_seconds(), &result, judge(ten_seconds(), result)));
    for (const char* words :
         {"corrupt echo on connection 17 (127.0.0.1:40000 to 127.0.0.1:8007), message 4711 of 24 "
          "bytes: first wrong byte at offset 18\n",
          "  expected\n    0000  00 01 02 03", "  * 0010  10 11 12 13 14 15 16 17",
          "  received\n    0000  00 01 02 03", "  * 0010  10 11 41 13 14 15 16 17", "|..A.....|",
          "wrong echo (exit 4): 1 echo was wrong"}) {
        EXPECT_NE(text.find(words), std::string::npos) << words << " in\n" << text;
    }
}

TEST(TextReport, ErrorsStandByPhaseAndName) {
    RunResult result = good_run();
    result.tally.connections.failed = 3;
    result.tally.errors.add(Phase::close, kEndOfFile, 2);
    result.tally.errors.add(Phase::connect, ECONNREFUSED, 3);
    const std::string text =
        text_report(stored_result(ten_seconds(), &result, judge(ten_seconds(), result)));
    const std::size_t connect = text.find("connect          3  ECONNREFUSED (Connection refused)");
    const std::size_t close = text.find("close            2  EOF (closed by the server)");
    EXPECT_NE(connect, std::string::npos) << text;
    EXPECT_NE(close, std::string::npos) << text;
    EXPECT_LT(connect, close);
}
