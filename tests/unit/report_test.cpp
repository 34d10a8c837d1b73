// SPDX-License-Identifier: MIT
#include "client/report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>

using namespace echoload;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

Options ten_seconds() {
    Options options;
    options.targets = {"127.0.0.1:8007"};
    options.connections = 2;
    options.duration = 10s;
    options.seed = 9'007'199'254'740'991;
    return options;
}

// Two connections, 1,000 messages, all well.
RunResult good_run() {
    RunResult result;
    result.tally.connections = {2, 0, 0};
    result.tally.messages.sent = 1000;
    result.tally.messages.verified = 1000;
    result.tally.messages.measured = 1000;
    result.tally.messages.in_window = 990;
    result.tally.bytes = {100'000, 100'000, 99'000};
    for (int i = 1; i <= 1000; ++i) {
        result.tally.service.record(Duration(i));
    }
    result.peak = 2;
    result.ramp_up = 1ms;
    result.window = 10s;
    result.elapsed = 10'005ms;
    return result;
}

Mismatch flipped_bit() {
    Mismatch wrong;
    wrong.connection = 17;
    wrong.local = "127.0.0.1:40000";
    wrong.peer = "127.0.0.1:8007";
    wrong.sequence = 4711;
    wrong.length = 24;
    wrong.offset = 18;
    wrong.window = 0;
    for (unsigned i = 0; i < 24; ++i) {
        wrong.expected.push_back(static_cast<std::byte>(i));
        wrong.received.push_back(static_cast<std::byte>(i == 18 ? 0x41 : i));
    }
    return wrong;
}

} // namespace

TEST(Verdict, ARunThatDeliveredAllIsOk) {
    const Verdict verdict = judge(ten_seconds(), good_run());
    EXPECT_EQ(verdict.outcome, Outcome::ok);
    EXPECT_EQ(verdict.exit_code, 0);
    EXPECT_TRUE(verdict.reasons.empty());
}

TEST(Verdict, EachShortfallIsExitFiveWithItsReason) {
    const struct {
        void (*spoil)(RunResult&);
        const char* reason;
    } cases[] = {
        {[](RunResult& r) { r.tally.connections.failed = 1; }, "1 of 2 connections failed"},
        {[](RunResult& r) { r.tally.connections.closed_early = 2; }, "2 of 2 connections ended"},
        {[](RunResult& r) { r.not_tried = 1; }, "not tried"},
        {[](RunResult& r) { r.tally.messages.timed_out = 3; },
         "3 messages not answered within 10s"},
        {[](RunResult& r) { r.tally.messages.lost = 1; }, "1 message lost"},
        {[](RunResult& r) {
             r.tally.connections.failed = 1;
             r.tally.errors.add(Phase::connect, EADDRNOTAVAIL);
         },
         "ip_local_port_range"},
        {[](RunResult& r) { r.tally.messages.unsent = 2; }, "2 messages due and never sent"},
    };
    for (const auto& each : cases) {
        RunResult result = good_run();
        each.spoil(result);
        const Verdict verdict = judge(ten_seconds(), result);
        EXPECT_EQ(verdict.exit_code, 5) << each.reason;
        ASSERT_FALSE(verdict.reasons.empty()) << each.reason;
        EXPECT_NE(verdict.reasons.back().find(each.reason), std::string::npos)
            << verdict.reasons.back();
    }
    Options options = ten_seconds();
    options.duration.reset();
    options.messages = 1001;
    EXPECT_EQ(judge(options, good_run()).exit_code, 5);
}

TEST(Verdict, ARateThatWasNotKeptIsNamed) {
    Options options = ten_seconds();
    options.pace = Pace{1000, 1000};
    RunResult result = good_run();
    result.rate = RateKept{1000, 991};
    EXPECT_EQ(judge(options, result).exit_code, 0);
    result.rate = RateKept{1000, 989};
    result.tally.messages.shed = result.tally.messages.measured_shed = 110;
    const Verdict verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 5);
    EXPECT_EQ(verdict.reasons.at(0), "989 of 1000 messages a second were sent in time (110 shed)");
}

TEST(Verdict, TheWorstOfSeveralWins) {
    const Options options = ten_seconds();
    RunResult result = good_run();
    result.tally.connections.failed = 1;
    EXPECT_EQ(judge(options, result).exit_code, 5);
    result.tally.connections.up = 0;
    EXPECT_EQ(judge(options, result).exit_code, 1);
    result.signal = SIGTERM;
    EXPECT_EQ(judge(options, result).exit_code, 143);
    result.signal = SIGINT;
    EXPECT_EQ(judge(options, result).exit_code, 130);
    result.tally.mismatches = 1;
    EXPECT_EQ(judge(options, result).exit_code, 4);
}

TEST(JsonReport, HoldsWhatWasAskedAndWhatCameOfIt) {
    const Options options = ten_seconds();
    RunResult result = good_run();
    result.tally.errors.add(Phase::close, kEndOfFile);
    result.tally.errors.add(Phase::read, ECONNRESET, 2);
    const json report = json::parse(json_report(options, &result, judge(options, result)));
    EXPECT_EQ(report["schema"], 1);
    EXPECT_EQ(report["seed"].get<std::uint64_t>(), 9'007'199'254'740'991U);
    EXPECT_EQ(report["asked"]["connections"], 2);
    EXPECT_EQ(report["asked"]["duration_s"], 10.0);
    EXPECT_TRUE(report["asked"]["messages"].is_null());
    EXPECT_EQ(report["messages"]["verified"], 1000);
    EXPECT_DOUBLE_EQ(report["rate"]["messages_per_s"].get<double>(), 99.0);
    EXPECT_DOUBLE_EQ(report["rate"]["bytes_per_s"].get<double>(), 9900.0);
    EXPECT_EQ(report["latency"]["p50_ns"], 500);
    EXPECT_EQ(report["latency"]["p99_9_ns"], 999);
    EXPECT_EQ(report["latency"]["max_ns"], 1000);
    EXPECT_EQ(report["latency"]["loop"], "closed");
    EXPECT_EQ(report["errors"][0],
              json({{"phase", "read"}, {"error", "ECONNRESET"}, {"count", 2}}));
    EXPECT_EQ(report["errors"][1], json({{"phase", "close"}, {"error", "EOF"}, {"count", 1}}));
    EXPECT_EQ(report["verdict"]["exit_code"], 0);
}

TEST(Report, WhatWasAskedOtherwiseIsToldInBothForms) {
    const struct {
        void (*ask)(Options& options);
        const char* words;
    } cases[] = {
        {[](Options& o) { o.threads = 2; }, ", 2 threads"},
        {[](Options& o) { o.think = 20ms; }, ", think 20ms"},
        {[](Options& o) { o.source = SourceRange::parse("127.0.0.0/8"); }, ", from 127.0.0.0/8"},
        {[](Options& o) { o.conn_messages = 1000; }, ", 1,000 messages a connection"},
        {[](Options& o) { o.close = Close::half; }, ", close half"},
        {[](Options& o) { o.close = Close::reset; }, ", close rst"},
        {[](Options& o) { o.abuse.parse_connections("rst:7,idle:2"); }, ", abuse idle:2,rst:7"},
        {[](Options& o) { o.abuse.parse_expected("idle=keep"); }, ", expect idle=keep"},
        {[](Options& o) { o.connect_rate = 50; }, ", 50 connections a second"},
    };
    const RunResult result = good_run();
    const auto told = [&result](const Options& options) {
        return text_report(options, result, Verdict{});
    };
    const auto asked = [&result](const Options& options) {
        return json::parse(json_report(options, &result, Verdict{}))["asked"];
    };
    for (const auto& each : cases) {
        Options options = ten_seconds();
        each.ask(options);
        EXPECT_NE(told(options).find(each.words), std::string::npos) << told(options);
        EXPECT_EQ(told(ten_seconds()).find(each.words), std::string::npos) << each.words;
        EXPECT_NE(asked(options), asked(ten_seconds())) << each.words;
    }
    Options open = ten_seconds();
    open.pace = Pace{5, 5};
    EXPECT_NE(told(open).find(", at most 100,000 due and unanswered"), std::string::npos);
}

TEST(JsonReport, WhatThereIsNoFigureForIsNull) {
    Options options = ten_seconds();
    options.targets = {"unix:/\xff"}; // no UTF-8
    const json never = json::parse(json_report(options, nullptr, not_possible("no descriptors")));
    for (const char* key : {"started", "ramp_up_s", "window_s", "elapsed_s", "connections",
                            "messages", "bytes", "rate", "latency", "errors", "mismatches"}) {
        EXPECT_TRUE(never.at(key).is_null()) << key;
    }
    EXPECT_EQ(never["verdict"]["exit_code"], 1);
    EXPECT_EQ(never["verdict"]["reasons"][0], "no descriptors");

    RunResult nothing;
    nothing.signal = SIGINT;
    const json ended = json::parse(json_report(options, &nothing, judge(options, nothing)));
    EXPECT_TRUE(ended["rate"]["messages_per_s"].is_null());
    EXPECT_TRUE(ended["latency"]["p50_ns"].is_null());
    EXPECT_TRUE(ended["ramp_up_s"].is_null());
    EXPECT_EQ(ended["latency"]["count"], 0);
}

TEST(JsonReport, AWrongEchoIsThereWithBothExcerpts) {
    RunResult result = good_run();
    result.tally.mismatches = 1;
    result.mismatches.push_back(flipped_bit());
    const json report =
        json::parse(json_report(ten_seconds(), &result, judge(ten_seconds(), result)));
    const json& wrong = report["mismatches"][0];
    EXPECT_EQ(wrong["kind"], "corrupt");
    EXPECT_EQ(wrong["connection"], 17);
    EXPECT_EQ(wrong["sequence"], 4711);
    EXPECT_EQ(wrong["offset"], 18);
    EXPECT_EQ(wrong["expected_hex"].get<std::string>().substr(34, 4), "1112");
    EXPECT_EQ(wrong["received_hex"].get<std::string>().substr(34, 4), "1141");
}

TEST(TextReport, NamesEveryFigureASeedAndTheVerdict) {
    const Options options = ten_seconds();
    const RunResult result = good_run();
    const std::string text = text_report(options, result, judge(options, result));
    for (const char* words :
         {"closed loop", "2 connections with 1 in flight to 127.0.0.1:8007", "sizes uniform:0-1016",
          "seed 9007199254740991", "asked 2, up 2, peak 2, failed 0, ended early 0",
          "ramp-up 1.00ms", "sent 1,000, verified 1,000, wrong 0, timed out 0, lost 0",
          "99 messages/s, 9.90 kB/s each way, over 10.0s", "p50 500ns", "p90 900ns", "p99 990ns",
          "p99.9 999ns", "max 1.00us", "closed loop, of 1,000", "errors      none",
          "verdict     ok"}) {
        EXPECT_NE(text.find(words), std::string::npos) << words << " in\n" << text;
    }
    EXPECT_EQ(text_troubles(ten_seconds(), result, judge(options, result)), "");
}

TEST(TextReport, AWrongEchoIsShownWithBothHexdumpsAndAMarkAtItsLine) {
    RunResult result = good_run();
    result.tally.mismatches = 1;
    result.mismatches.push_back(flipped_bit());
    const std::string text = text_troubles(ten_seconds(), result, judge(ten_seconds(), result));
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
    const std::string text = text_report(ten_seconds(), result, judge(ten_seconds(), result));
    const std::size_t connect = text.find("connect          3  ECONNREFUSED (Connection refused)");
    const std::size_t close = text.find("close            2  EOF (closed by the server)");
    EXPECT_NE(connect, std::string::npos) << text;
    EXPECT_NE(close, std::string::npos) << text;
    EXPECT_LT(connect, close);
}

TEST(Tally, MergingAddsEverything) {
    Tally sum;
    for (int i = 0; i < 3; ++i) {
        Tally part = good_run().tally;
        part.errors.add(Phase::read, ECONNRESET);
        part.errors.add(Phase::write, EPIPE, 2);
        part.messages.lost = 1;
        part.mismatches = 1;
        sum.merge(part);
    }
    EXPECT_EQ(sum.connections.up, 6U);
    EXPECT_EQ(sum.messages.verified, 3000U);
    EXPECT_EQ(sum.messages.lost, 3U);
    EXPECT_EQ(sum.mismatches, 3U);
    EXPECT_EQ(sum.bytes.in_window, 297'000U);
    EXPECT_EQ(sum.service.count(), 3000U);
    EXPECT_EQ(sum.errors.total(), 9U);
    ASSERT_EQ(sum.errors.rows().size(), 2U);
    EXPECT_EQ(sum.errors.rows()[0].phase, Phase::write);
    EXPECT_EQ(sum.errors.rows()[0].count, 6U);
    sum.clear();
    EXPECT_EQ(sum.messages.verified + sum.errors.total() + sum.service.count(), 0U);
}

TEST(Figures, AreGroupedAndScaled) {
    EXPECT_EQ(group_digits(0), "0");
    EXPECT_EQ(group_digits(999), "999");
    EXPECT_EQ(group_digits(1000), "1,000");
    EXPECT_EQ(group_digits(12'345'678), "12,345,678");
    EXPECT_EQ(byte_rate(0), "0.00 B/s");
    EXPECT_EQ(byte_rate(999.9), "1.00 kB/s");
    EXPECT_EQ(byte_rate(12'345'678), "12.3 MB/s");
    EXPECT_EQ(byte_rate(1.5e15), "1500 TB/s");
}
