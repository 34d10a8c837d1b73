// SPDX-License-Identifier: MIT
#include "client/report/capacity.hpp"

#include <gtest/gtest.h>

using namespace echoload;

namespace {

CapacityStep step_at(double rate, StepFinding finding, const char* reason) {
    CapacityStep step;
    step.point = rate;
    step.finding = finding;
    step.figures[StepFigure::messages] = rate - 1;
    step.figures[StepFigure::p99] = 1.5e6;
    step.bottleneck = {Bottleneck::Where::server, "its busiest thread used 99 % of a processor"};
    if (finding != StepFinding::holds) {
        step.verdict = {Outcome::gate_failed, 3, {reason}, {}};
    }
    if (finding == StepFinding::client_limited) {
        step.bottleneck = {Bottleneck::Where::client, "it was busy"};
    }
    return step;
}

CapacityReport searched(StepFinding limit) {
    CapacityReport report;
    report.command = "search";
    report.requested = {{"targets", {"host:7"}}, {"connections", 50}, {"duration_s", 5.0}};
    report.conditions = "p99<5ms";
    report.steps = {step_at(1000, StepFinding::holds, ""),
                    step_at(2000, limit, "p99 was 7.20ms, allowed is <5ms")};
    SearchAnswer answer;
    answer.rate = 1000;
    answer.beyond = 2000;
    answer.limit = limit;
    answer.low = 1000;
    answer.high = limit == StepFinding::fails ? std::optional(2000.0) : std::nullopt;
    answer.complete = true;
    report.answer = answer;
    return report;
}

} // namespace

TEST(CapacityReport, TheAnswerHasItsIntervalAndItsLimit) {
    const CapacityReport report = searched(StepFinding::fails);
    const std::string text = capacity_text(report);
    for (const char* line :
         {"must hold   p99<5ms\n",
          "runs        1,000/s: 999/s answered, p50 -, p99 1.50ms, max -: "
          "holds\n",
          "            2,000/s: 1,999/s answered, p50 -, p99 1.50ms, max -: fails: p99 was 7.20ms, "
          "allowed is <5ms\n",
          "answer      1,000/s hold; every run did up to 1,000/s, none from 2,000/s on\n",
          "limit       at 2,000/s: p99 was 7.20ms, allowed is <5ms; bottleneck server: its busiest "
          "thread used 99 % of a processor\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    }
    CapacityReport of_chance = report;
    of_chance.answer->low.reset();
    EXPECT_NE(
        capacity_text(of_chance).find(
            "answer      1,000/s hold; not every run did even at the lowest rate, none from "),
        std::string::npos);
    EXPECT_TRUE(capacity_json(of_chance)["answer"]["low"].is_null());
    const Json json = capacity_json(report);
    EXPECT_EQ(json["answer"]["high"], 2000);
    EXPECT_EQ(json["answer"]["limit"], "fails");
    EXPECT_EQ(json["steps"][1]["p99_ns"], 1.5e6);
    EXPECT_TRUE(json["points"].is_null());
}

TEST(CapacityReport, WithABusyClientTheAnswerIsAtLeast) {
    const CapacityReport report = searched(StepFinding::client_limited);
    const std::string text = capacity_text(report);
    for (const char* line :
         {"answer      at least 1,000/s hold; every run did up to 1,000/s, most did not at "
          "2,000/s\n",
          "limit       echoload itself, at 2,000/s: it was busy\n",
          "client limited: it was busy\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    }
    EXPECT_TRUE(capacity_json(report)["answer"]["high"].is_null());
}

TEST(CapacityReport, TheRequestNamesTheLoopAndTheArrivals) {
    const auto requested_line = [](bool of_rate, Json requested) {
        CapacityReport report;
        report.of_rate = of_rate;
        report.requested = {{"targets", {"host:7"}}, {"pipeline", 16}};
        report.requested.update(requested);
        const std::string text = capacity_text(report);
        const std::size_t begin = text.find("requested   ") + 12;
        return text.substr(begin, text.find(", runs of") - begin);
    };
    EXPECT_EQ(requested_line(true, {{"loop", "open"}, {"arrival", "const"}, {"connections", 64}}),
              "open loop, arrivals at even intervals, 64 connections with at most 16 in flight");
    EXPECT_EQ(requested_line(false, {{"loop", "open"}, {"arrival", "poisson"}, {"rate", 1000.0}}),
              "open loop of 1,000 messages/s, Poisson arrivals, connections with at most 16 in "
              "flight");
    EXPECT_EQ(requested_line(false, {{"loop", "closed"}, {"arrival", "const"}}),
              "closed loop, connections with at most 16 in flight");
}

TEST(CapacityReport, WithoutAnAnswerThereIsNone) {
    CapacityReport report = searched(StepFinding::fails);
    report.answer = SearchAnswer();
    EXPECT_NE(capacity_text(report).find("answer      none\n"), std::string::npos);
    EXPECT_NE(capacity_text(report).find("limit       not reached\n"), std::string::npos);
    EXPECT_TRUE(capacity_json(report)["answer"]["low"].is_null());
    EXPECT_NE(capacity_html(report).find("Latency over rate"), std::string::npos);
}
