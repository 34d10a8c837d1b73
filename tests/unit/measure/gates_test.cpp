// SPDX-License-Identifier: MIT
#include "client/measure/gates.hpp"
#include "client/report/json.hpp"
#include "client/report/text.hpp"
#include "client/result/verdict.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <tuple>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

Options with_limit(const char* limit) {
    Options options;
    options.targets = {"127.0.0.1:7"};
    options.connections = 2;
    options.duration = 1s;
    if (limit != nullptr) {
        options.gates.push_back(Condition::parse_required(limit));
    }
    return options;
}

// 1,000 messages that took 1us to 1ms.
RunResult thousand() {
    RunResult result;
    result.tally.connections.up = 2;
    result.tally.messages.sent = 1000;
    result.tally.messages.verified = 1000;
    result.tally.messages.measured = 1000;
    result.tally.messages.in_window = 1000;
    for (int i = 1; i <= 1000; ++i) {
        result.tally.service.record(std::chrono::microseconds(i));
    }
    result.window = 1s;
    return result;
}

} // namespace

TEST(Gates, OneIsPassedUpToItsLimitAndFailedAboveIt) {
    for (const char* passed : {"max=1ms", "p99.9=1ms", "p50=501us", "mean=501us"}) {
        EXPECT_EQ(judge(with_limit(passed), thousand()).exit_code, 0) << passed;
    }
    const Verdict failed = judge(with_limit("max=999999ns"), thousand());
    EXPECT_EQ(failed.exit_code, 3);
    EXPECT_EQ(failed.outcome, Outcome::gate_failed);
    EXPECT_EQ(failed.reasons, std::vector<std::string>{"max was 1.00ms, allowed is 999999ns"});
}

// Of n values, one lies beyond percentile p where n >= 100 / (100 - p).
TEST(Gates, APercentileWithinItsLimitIsUndecidedWhereNoValueLiesBeyondIt) {
    for (const char* passed : {"p99.9=1s", "p99=1s", "max=1s", "mean=1s"}) {
        EXPECT_EQ(judge(with_limit(passed), thousand()).exit_code, 0) << passed;
    }
    const Verdict verdict = judge(with_limit("p99.91=1s"), thousand());
    EXPECT_EQ(verdict.outcome, Outcome::undecided);
    EXPECT_EQ(verdict.exit_code, 6);
    EXPECT_EQ(verdict.reasons,
              std::vector<std::string>{"p99.91 needs at least 1112 values, there are 1000"});
    EXPECT_EQ(judge(with_limit("p99.91=1us"), thousand()).exit_code, 3) << "a value is above it";
}

TEST(Gates, AFailedGateOutranksAnUndecidedOne) {
    Options options = with_limit("p99.99=1s");
    options.gates.push_back(Condition::parse_required("max=1us"));
    const Verdict verdict = judge(options, thousand());
    EXPECT_EQ(verdict.exit_code, 3);
    EXPECT_EQ(verdict.reasons.size(), 2U);
    const RunResult result = thousand();
    const auto report = nlohmann::json::parse(json_report(options, &result, verdict));
    EXPECT_EQ(report["gates"][0]["passed"], nullptr);
    EXPECT_EQ(report["gates"][1]["passed"], false);
}

TEST(Gates, RoundingDoesNotMakeAFailureLookLikeAPass) {
    RunResult result = thousand();
    result.tally.service.record(5'001'234ns);
    const Verdict verdict = judge(with_limit("max=5ms"), result);
    EXPECT_EQ(verdict.reasons, std::vector<std::string>{"max was 5001234ns, allowed is 5ms"});
}

TEST(Gates, AShareIsWrittenAsItIsReadHoweverSmallItIs) {
    for (const char* text : {"0%", "0.1%", "12.5%", "100%", "0.00008333%", "0.0000000001%"}) {
        EXPECT_EQ(format_share(parse_share(text)), text);
    }
    EXPECT_EQ(format_share(1.0 / 3), "33.33%");
    EXPECT_EQ(format_share(0.9999999), "100%");
}

TEST(Gates, OneWrongEchoOfAMillionFailsTheGateAndIsReported) {
    Options options = with_limit(nullptr);
    options.on_mismatch = OnMismatch::count;
    options.gates.push_back(error_rate_gate(0));
    RunResult result = thousand();
    result.tally.messages.sent = result.tally.messages.measured = 1'200'000;
    result.tally.messages.verified = 1'199'999;
    result.tally.messages.wrong = result.tally.mismatches = 1;
    const Verdict verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 4);
    EXPECT_EQ(verdict.reasons.back(), "error rate was 0.00008333%, allowed is 0%");
}

TEST(Gates, AShareThatFailedIsShownAboveWhatIsAllowed) {
    for (const auto& [measured, allowed, text] :
         {std::tuple(0.00200001, "0.2%", "0.200001%, allowed is 0.2%"),
          std::tuple(0.0012346, "0.123456%", "0.1235%, allowed is 0.123456%"),
          std::tuple(0.0000000833, "0.00000832%", "0.00000833%, allowed is 0.00000832%")}) {
        const GateResult gate{error_rate_gate(parse_share(allowed)), measured};
        EXPECT_EQ(gate.measured_text() + ", allowed is " + gate.allowed_text(), text);
    }
}

TEST(Gates, WithNothingMeasuredNoneIsPassed) {
    RunResult result = thousand();
    result.tally.service.clear();
    const Verdict verdict = judge(with_limit("p99=1s"), result);
    EXPECT_EQ(verdict.exit_code, 3);
    EXPECT_EQ(verdict.reasons, std::vector<std::string>{"p99 has no figure, allowed is 1s"});
}

TEST(Gates, TheErrorRateJudgesWhatIsMissingInPlaceOfTheShortfall) {
    Options options = with_limit(nullptr);
    RunResult result = thousand();
    result.tally.messages.verified = 997;
    result.tally.messages.timed_out = 1;
    result.tally.messages.lost = 2;
    EXPECT_EQ(judge(options, result).exit_code, 5);
    options.gates.push_back(error_rate_gate(0.003));
    EXPECT_EQ(judge(options, result).exit_code, 0);
    options.gates = {error_rate_gate(0.002)};
    const Verdict verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 3);
    EXPECT_EQ(verdict.reasons, std::vector<std::string>{"error rate was 0.3%, allowed is 0.2%"});
}

TEST(Gates, TheErrorRateIsTheLargerShareOfMessagesAndOfConnections) {
    Tally tally;
    EXPECT_FALSE(error_rate(tally.messages, tally.connections));
    tally.connections.up = 3;
    tally.connections.failed = 1;
    tally.messages.sent = 1'000'000;
    EXPECT_DOUBLE_EQ(*error_rate(tally.messages, tally.connections), 0.25)
        << "a million messages do not hide it";
    tally.connections.closed_early = 1;
    EXPECT_DOUBLE_EQ(*error_rate(tally.messages, tally.connections), 0.5);
    tally.messages.sent = 20;
    tally.messages.shed = 70;
    tally.messages.unsent = 10;
    EXPECT_DOUBLE_EQ(*error_rate(tally.messages, tally.connections), 0.8)
        << "what was never sent was due all the same";
}

TEST(Gates, ARunThatEndedBeforeItsTimeIsNotDeliveredWhateverErrorsAreAllowed) {
    Options options = with_limit(nullptr);
    options.gates.push_back(error_rate_gate(1));
    RunResult result = thousand();
    EXPECT_EQ(judge(options, result).exit_code, 0);
    result.window = 400ms;
    EXPECT_EQ(judge(options, result).exit_code, 5);
    EXPECT_EQ(judge(options, result).reasons,
              std::vector<std::string>{"no connection was left 400ms into the 1s to measure"});
    result.signal = SIGINT;
    EXPECT_EQ(judge(options, result).exit_code, 130);
}

TEST(Gates, EveryFigureCanBeRequired) {
    RunResult result = thousand();
    result.tally.bytes.in_window = 64'000;
    for (const char* passed :
         {"rate>=1000", "rate>999/s", "rate<=1k", "bytes>=64k", "bytes<64001", "errors<0.1%",
          "errors<=0%", "lost<=0", "lost<1", "p50<501us", "p50>499us", "min>=1us", "max<=1ms",
          "service.p99<1ms", "p50=501us"}) {
        EXPECT_EQ(judge(with_limit(passed), result).exit_code, 0) << passed;
    }
    for (const char* failed :
         {"rate>1000", "rate<1k", "bytes>64k", "errors>0%", "lost>0", "p50<500us", "min>1us",
          "max<1ms", "response.p99<1s", "connect.max<1s"}) {
        EXPECT_EQ(judge(with_limit(failed), result).exit_code, 3) << failed;
    }
    result.tally.messages.lost = 1;
    EXPECT_EQ(judge(with_limit("errors<1%"), result).exit_code, 0)
        << "what the condition allows is delivered";
    EXPECT_EQ(judge(with_limit("errors>=0%"), result).exit_code, 5) << "that is no limit";
    result.window.reset();
    EXPECT_EQ(judge(with_limit("rate>=1"), result).reasons.back(),
              "rate has no figure, allowed is >=1/s");
}

TEST(Gates, ALowerLimitOfTooFewValuesIsUndecided) {
    EXPECT_EQ(judge(with_limit("p99.91>1ns"), thousand()).exit_code, 6);
    EXPECT_EQ(judge(with_limit("p99.91>1s"), thousand()).exit_code, 6)
        << "the true percentile may be above the largest of too few values";
}

TEST(Gates, AFewShedMessagesAreNotDelivered) {
    Options options = with_limit(nullptr);
    options.pace = Pace{1005, 1005};
    RunResult result = thousand();
    result.rate = AchievedRate{1005, 1000};
    result.tally.messages.shed = result.tally.messages.measured_shed = 5;
    const Verdict verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 5);
    EXPECT_EQ(verdict.reasons,
              std::vector<std::string>{
                  "5 messages shed: more than --max-in-flight 100000 were unanswered"});
    options.gates.push_back(error_rate_gate(0.01));
    EXPECT_EQ(judge(options, result).exit_code, 0);
}

TEST(Gates, WhatCouldNotBeWrittenDoesNotHideAWrongEcho) {
    for (const auto& [outcome, code, after] :
         {std::tuple(Outcome::wrong_echo, 4, 4), std::tuple(Outcome::interrupted, 130, 130),
          std::tuple(Outcome::not_delivered, 5, 1), std::tuple(Outcome::gate_failed, 3, 1),
          std::tuple(Outcome::ok, 0, 1)}) {
        Verdict verdict{outcome, code, {}, {}};
        add_write_failure(verdict, "cannot write /dev/full");
        EXPECT_EQ(verdict.exit_code, after) << code;
        EXPECT_EQ(verdict.reasons.size(), 1U);
    }
}

TEST(Gates, EveryOtherFailureOutranksAFailedGateAndBothAreReported) {
    const Options options = with_limit("max=1us");
    RunResult result = thousand();
    result.tally.messages.lost = 1;
    Verdict verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 5);
    EXPECT_EQ(verdict.reasons.size(), 2U);
    result.signal = SIGINT;
    EXPECT_EQ(judge(options, result).exit_code, 130);
    result.tally.mismatches = 1;
    verdict = judge(options, result);
    EXPECT_EQ(verdict.exit_code, 4);
    EXPECT_EQ(verdict.reasons.back(), "max was 1.00ms, allowed is 1us");
}

TEST(Gates, TextAndJsonShowEachWithMeasuredAndAllowed) {
    Options options = with_limit("p50=1us");
    options.gates.push_back(error_rate_gate(0.5));
    const RunResult result = thousand();
    const Verdict verdict = judge(options, result);
    const std::string text = text_report(stored_result(options, &result, verdict));
    EXPECT_NE(text.find("gates       p50 500us, allowed 1us: failed\n"
                        "            error rate 0%, allowed 50%: passed\n"
                        "verdict     gate failed (exit 3): p50 was 500us, allowed is 1us\n"),
              std::string::npos)
        << text;
    const auto gates = nlohmann::json::parse(json_report(options, &result, verdict))["gates"];
    ASSERT_EQ(gates.size(), 2U);
    EXPECT_EQ(gates[0]["gate"], "p50");
    EXPECT_EQ(gates[0]["allowed"], 1000);
    EXPECT_EQ(gates[0]["passed"], false);
    EXPECT_EQ(gates[1]["unit"], "share");
    EXPECT_EQ(gates[1]["measured"], 0.0);
}
