// SPDX-License-Identifier: MIT
#include "client/result/verdict.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

using namespace echoload;
using namespace std::chrono_literals;

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

TEST(Verdict, ASignalIsTheUsualEndOfARunWithoutOne) {
    Options options = ten_seconds();
    options.duration.reset();
    options.forever = true;
    RunResult result = good_run();
    result.signal = SIGTERM;
    EXPECT_EQ(judge(options, result).exit_code, 0);
    result.tally.messages.timed_out = 1;
    EXPECT_EQ(judge(options, result).exit_code, 5);
    result = good_run();
    EXPECT_EQ(judge(options, result).exit_code, 5);
    EXPECT_EQ(judge(options, result).reasons.front(), "no connection was left after 10.0s");
    result.signal = SIGTERM;
    result.window.reset();
    EXPECT_EQ(judge(options, result).exit_code, 5);
}

namespace {

// A run with --reconnect that had an outage of 400 ms.
RunResult interrupted_run() {
    RunResult result = good_run();
    result.tally.connections.failed = 20;
    result.tally.connections.closed_early = 2;
    Outage outage;
    outage.target = "127.0.0.1:8007";
    outage.from = 1s;
    outage.to = 1400ms;
    outage.over = true;
    outage.restored = 1400ms;
    outage.connections = 2;
    result.outages.emplace();
    result.outages->add(outage);
    result.outages->interruptions.record(400ms);
    result.outages->interruptions.record(450ms);
    return result;
}

int exit_code_with(const char* gate, const RunResult& result) {
    Options options = ten_seconds();
    options.reconnect = true;
    if (gate != nullptr) {
        options.gates.push_back(Condition::parse_required(gate));
    }
    return judge(options, result).exit_code;
}

} // namespace

TEST(Verdict, AnOutageThatCostNoMessageIsOk) {
    EXPECT_EQ(exit_code_with(nullptr, interrupted_run()), 0);
}

TEST(Verdict, WhatAnOutageCostsIsNotDeliveredUnlessAGateAllowsIt) {
    RunResult result = interrupted_run();
    result.tally.messages.lost = 2;
    EXPECT_EQ(exit_code_with(nullptr, result), 5);
    EXPECT_EQ(exit_code_with("p50<1s", result), 5);
    EXPECT_EQ(exit_code_with("lost<=2", result), 0);
    EXPECT_EQ(exit_code_with("lost<=1", result), 3);
    EXPECT_EQ(exit_code_with("outage<500ms", result), 0);
    EXPECT_EQ(exit_code_with("errors<1%", result), 0) << "connections do not count";
    result.tally.messages.timed_out = 1;
    EXPECT_EQ(exit_code_with("lost<=2", result), 5);
    EXPECT_EQ(exit_code_with("outage<500ms", result), 0);
}

TEST(Verdict, OutagesHaveGates) {
    const RunResult result = interrupted_run();
    EXPECT_EQ(exit_code_with("outage<400ms", result), 3);
    EXPECT_EQ(exit_code_with("outage<=400ms", result), 0);
    EXPECT_EQ(exit_code_with("outages<=1", result), 0);
    EXPECT_EQ(exit_code_with("outages<1", result), 3);
    EXPECT_EQ(exit_code_with("interruption.max<=450ms", result), 0);
    EXPECT_EQ(exit_code_with("interruption.max<450ms", result), 3);
    EXPECT_EQ(exit_code_with("interruption.p99<1s", result), 6) << "of two values";
    RunResult none = good_run();
    none.outages.emplace();
    EXPECT_EQ(exit_code_with("outage<=0ns", none), 0);
    EXPECT_EQ(exit_code_with("outages<=0", none), 0);
    EXPECT_EQ(exit_code_with("interruption.p99<1s", none), 0) << "there was none";
}

TEST(Verdict, AConnectionThatIsInterruptedUntilTheEndIsNotDelivered) {
    RunResult result = interrupted_run();
    result.outages->not_restored = 1;
    EXPECT_EQ(exit_code_with(nullptr, result), 5);
    EXPECT_EQ(exit_code_with("outages<=1", result), 0);
}

TEST(Verdict, ARunWithoutAnEchoInItsMeasuredPartIsNotDelivered) {
    RunResult result = good_run();
    result.tally.messages.in_window = 0;
    Options options = ten_seconds();
    const Verdict verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 5);
    EXPECT_EQ(verdict.reasons.at(0), "no echo came in the measured part of 10.0s");
    options.gates.push_back(error_rate_gate(1));
    EXPECT_EQ(judge(options, result).exit_code, 5) << "no error is allowed for it";
}

TEST(Verdict, ARateThatWasNotAchievedIsNamed) {
    Options options = ten_seconds();
    options.pace = Pace{1000, 1000};
    RunResult result = good_run();
    result.rate = AchievedRate{1000, 991};
    EXPECT_EQ(judge(options, result).exit_code, 0);
    result.rate = AchievedRate{1000, 989};
    result.tally.messages.shed = result.tally.messages.measured_shed = 110;
    const Verdict verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 5);
    EXPECT_EQ(verdict.reasons.at(0), "989 of 1000 messages a second were sent in time (110 shed)");
}

TEST(Verdict, TheWorstOutcomeOfSeveralCounts) {
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
