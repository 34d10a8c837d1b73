// SPDX-License-Identifier: MIT
#include "client/result/step_finding.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// An open loop that answered 1,000 messages in 2 s, on a client that was idle for the most part.
RunResult measured_step() {
    RunResult result;
    result.tally.connections.up = 2;
    result.tally.messages.sent = result.tally.messages.in_window = 1000;
    for (int i = 1; i <= 1000; ++i) {
        result.tally.response.record(std::chrono::microseconds(i));
    }
    result.window = 2s;
    result.rate = AchievedRate{510, 500};
    result.client.emplace();
    return result;
}

Verdict verdict_of(Outcome outcome) {
    Verdict verdict;
    verdict.outcome = outcome;
    return verdict;
}

} // namespace

TEST(StepFinding, ARunThatMetEverythingHolds) {
    EXPECT_EQ(step_finding(verdict_of(Outcome::ok), measured_step()), StepFinding::holds);
}

TEST(StepFinding, ALimitThatWasExceededOrALoadThatWasNotTakenFails) {
    for (const Outcome outcome : {Outcome::gate_failed, Outcome::not_delivered}) {
        EXPECT_EQ(step_finding(verdict_of(outcome), measured_step()), StepFinding::fails);
    }
}

TEST(StepFinding, WhereTheClientWasBusyTheServerDidNotFail) {
    RunResult result = measured_step();
    result.client->busiest_thread = 0.97;
    for (const Outcome outcome : {Outcome::gate_failed, Outcome::not_delivered}) {
        EXPECT_EQ(step_finding(verdict_of(outcome), result), StepFinding::client_limited);
    }
    EXPECT_EQ(step_finding(verdict_of(Outcome::ok), result), StepFinding::holds)
        << "a busy client makes it look worse, not better";
}

TEST(StepFinding, WithoutAnEchoOrEnoughValuesNothingIsMeasured) {
    EXPECT_EQ(step_finding(verdict_of(Outcome::undecided), measured_step()),
              StepFinding::unmeasured);
    RunResult silent = measured_step();
    silent.tally.messages.in_window = 0;
    EXPECT_EQ(step_finding(verdict_of(Outcome::not_delivered), silent), StepFinding::unmeasured);
    EXPECT_EQ(step_finding(verdict_of(Outcome::not_delivered), RunResult()),
              StepFinding::unmeasured);
}

TEST(StepFinding, TheFiguresAreThoseOfTheLoop) {
    Options options;
    options.pace = Pace{510, 510};
    const StepFigures figures = step_figures(options, measured_step());
    EXPECT_EQ(figures[StepFigure::asked], 510);
    EXPECT_EQ(figures[StepFigure::achieved], 500);
    EXPECT_EQ(figures[StepFigure::messages], 500);
    EXPECT_EQ(figures[StepFigure::errors], 0);
    EXPECT_NEAR(*figures[StepFigure::p99], 990e3, 1e3);
    EXPECT_EQ(figures[StepFigure::max], 1e6);
    options.pace.reset();
    EXPECT_FALSE(step_figures(options, RunResult())[StepFigure::p99]);
}
