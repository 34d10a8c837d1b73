// SPDX-License-Identifier: MIT
#include "client/report/json.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>

using namespace echoload;
using nlohmann::json;

TEST(JsonReport, HoldsTheOptionsAndTheFigures) {
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

TEST(JsonReport, AFigureThatDoesNotExistIsNull) {
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
