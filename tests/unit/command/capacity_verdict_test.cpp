// SPDX-License-Identifier: MIT
#include "client/command/capacity_verdict.hpp"

#include <gtest/gtest.h>

using namespace echoload;

namespace {

CapacityStep step_of(double point, StepFinding finding) {
    CapacityStep step;
    step.point = point;
    step.finding = finding;
    if (finding == StepFinding::fails) {
        step.verdict = {Outcome::gate_failed, 3, {"p99 was 7.20ms, allowed is <5ms"}, {}};
    } else if (finding == StepFinding::client_limited) {
        step.verdict = {Outcome::gate_failed, 3, {"p99 was 7.20ms, allowed is <5ms"}, {}};
        step.bottleneck = {Bottleneck::Where::client, "it was busy"};
    } else if (finding == StepFinding::unmeasured) {
        step.verdict = {Outcome::undecided, 6, {"p99 needs at least 100 values, there are 9"}, {}};
    }
    return step;
}

// A sweep with a run at each point.
CapacityReport swept(const std::vector<StepFinding>& findings) {
    CapacityReport report;
    for (const StepFinding finding : findings) {
        const double point = 1000.0 * static_cast<double>(report.points.size() + 1);
        report.points.push_back(point);
        report.steps.push_back(step_of(point, finding));
        Sweep one(1, 1);
        one.add(0, {}, finding);
        report.sums.push_back(one.at(0));
    }
    return report;
}

Options with_slo() {
    Options load;
    load.gates.push_back(Condition::parse_required("p99<5ms"));
    return load;
}

std::string only_reason(const Verdict& verdict) {
    return verdict.reasons.size() == 1 ? verdict.reasons.front() : "";
}

} // namespace

TEST(SweepVerdict, AnUndecidedPointIsNotOk) {
    const Verdict verdict = sweep_verdict(
        swept({StepFinding::holds, StepFinding::unmeasured, StepFinding::holds}), with_slo());
    EXPECT_EQ(verdict.outcome, Outcome::undecided);
    EXPECT_EQ(verdict.exit_code, 6);
    EXPECT_EQ(only_reason(verdict), "1 of 3 points are undecided: at 2,000/s: not measured: p99 "
                                    "needs at least 100 values, there are 9");
}

TEST(SweepVerdict, OnlyUndecidedPointsAreNamedAsSuch) {
    const Verdict verdict =
        sweep_verdict(swept({StepFinding::unmeasured, StepFinding::unmeasured}), with_slo());
    EXPECT_EQ(verdict.exit_code, 6);
    EXPECT_NE(only_reason(verdict).find("needs at least 100 values"), std::string::npos);
}

TEST(SweepVerdict, ABusyClientSaysNothingOfTheServer) {
    Verdict verdict =
        sweep_verdict(swept({StepFinding::client_limited, StepFinding::client_limited}), {});
    EXPECT_EQ(verdict.exit_code, 5);
    EXPECT_EQ(only_reason(verdict),
              "nothing of the server could be measured: at 1,000/s: client limited: it was busy");
    verdict = sweep_verdict(swept({StepFinding::holds, StepFinding::client_limited}), with_slo());
    EXPECT_EQ(verdict.exit_code, 6);
    EXPECT_EQ(only_reason(verdict),
              "1 of 2 points are undecided: at 2,000/s: client limited: it was busy");
}

TEST(SweepVerdict, APointThatFailsComesFirstWhereThereAreConditions) {
    const CapacityReport report =
        swept({StepFinding::holds, StepFinding::unmeasured, StepFinding::fails});
    EXPECT_EQ(sweep_verdict(report, with_slo()).exit_code, 3);
    EXPECT_EQ(sweep_verdict(report, {}).exit_code, 0) << "nothing was required";
    Options load;
    load.abort_on.push_back(Condition::parse_ending("p99>1s"));
    EXPECT_EQ(sweep_verdict(report, load).exit_code, 3) << "--abort-on is a condition";
    load.abort_on.clear();
    load.abuse.parse_expected("idle=keep");
    EXPECT_EQ(sweep_verdict(report, load).exit_code, 3) << "so is --expect";
}

TEST(SearchVerdict, SaysAtLeastWhereTheAnswerDoes) {
    for (const auto limit : {StepFinding::holds, StepFinding::fails, StepFinding::client_limited,
                             StepFinding::unmeasured}) {
        CapacityReport report;
        SearchAnswer answer;
        answer.rate = 1000;
        answer.low = 1000;
        answer.limit = limit;
        if (limit != StepFinding::holds) { // then nothing beyond was reached
            answer.beyond = 2000;
        }
        report.answer = answer;
        const std::string held =
            limit == StepFinding::fails ? "1,000/s hold" : "at least 1,000/s hold";
        const Verdict verdict = search_verdict(report);
        EXPECT_EQ(verdict.exit_code, 0);
        EXPECT_EQ(only_reason(verdict).substr(0, held.size()), held);
        EXPECT_NE(capacity_text(report).find("answer      " + held + "; "), std::string::npos);
    }
}
