// SPDX-License-Identifier: MIT
#include "client/report/json.hpp"
#include "client/report/nagios.hpp"
#include "client/result/verdict.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>

#include <csignal>

using namespace echoload;

namespace {

StoredResult stored(const Options& options, const RunResult& result) {
    return stored_result(options, &result, judge(options, result));
}

} // namespace

TEST(Nagios, AGoodRunIsOneLineWithItsFigures) {
    Options options = ten_seconds();
    options.gates = {Condition::parse_required("p99<5ms"), Condition::parse_required("rate>=10")};
    const StoredResult result = stored(options, good_run());
    EXPECT_EQ(plugin_state(result), PluginState::ok);
    EXPECT_EQ(plugin_line(result),
              "ECHOLOAD OK - 127.0.0.1:8007: 1,000 messages echoed, p50 500ns, p99 990ns | "
              "rate=99;;10: p50=0.0000005s p99=0.00000099s;;0.005 max=0.000001s sent=1000 lost=0 "
              "wrong=0\n");
}

TEST(Nagios, TheVerdictIsTheState) {
    Options options = ten_seconds();
    RunResult result = good_run();
    result.tally.messages.lost = 1;
    EXPECT_EQ(plugin_state(stored(options, result)), PluginState::critical);
    EXPECT_EQ(plugin_line(stored(options, result)).find("ECHOLOAD CRITICAL - 127.0.0.1:8007: 1 "),
              0U);
    result = good_run();
    result.signal = SIGINT;
    EXPECT_EQ(plugin_state(stored(options, result)), PluginState::unknown);
    result = good_run();
    result.tally.mismatches = 1;
    EXPECT_EQ(plugin_state(stored(options, result)), PluginState::critical);
    options.gates = {Condition::parse_required("p99.999<1h")};
    EXPECT_EQ(plugin_state(stored(options, good_run())), PluginState::warning);
    options.gates = {Condition::parse_required("p99<1ns")};
    EXPECT_EQ(plugin_state(stored(options, good_run())), PluginState::critical);
    result = RunResult();
    result.tally.connections.failed = 2;
    EXPECT_EQ(plugin_state(stored(options, result)), PluginState::critical);
}

TEST(Nagios, WhatDidNotRunIsUnknown) {
    const Options options = ten_seconds();
    const StoredResult result = stored_result(options, nullptr, not_possible("a|b\nc"));
    EXPECT_EQ(plugin_state(result), PluginState::unknown);
    EXPECT_EQ(plugin_line(result), "ECHOLOAD UNKNOWN - 127.0.0.1:8007: a/b c\n");
    EXPECT_EQ(plugin_line("echoload: TARGET is required"),
              "ECHOLOAD UNKNOWN - echoload: TARGET is required\n");
}
