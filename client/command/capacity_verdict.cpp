// SPDX-License-Identifier: MIT
#include "client/command/capacity_verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace echoload {

namespace {

Verdict verdict_of(Outcome outcome, int exit_code, std::string reason) {
    return {outcome, exit_code, {std::move(reason)}, {}};
}

// Whether a run can fail although its load was delivered.
bool has_conditions(const Options& load) {
    const auto& expected = load.abuse.expected;
    return !load.gates.empty() || !load.abort_on.empty() ||
           std::any_of(std::begin(expected), std::end(expected),
                       [](const auto& each) { return each.has_value(); });
}

} // namespace

Verdict search_verdict(const CapacityReport& report) {
    const SearchAnswer& answer = *report.answer;
    if (!answer.rate && answer.limit == StepFinding::fails) {
        return verdict_of(Outcome::gate_failed, 3,
                          "not even the lowest rate holds: " + limit_text(report));
    }
    if (!answer.rate) {
        return verdict_of(Outcome::not_delivered, 5,
                          "nothing could be measured at the lowest rate: " + limit_text(report));
    }
    const std::string held = held_text(answer);
    if (!answer.beyond) {
        return verdict_of(Outcome::ok, 0, held + ", the highest rate that was to be tried");
    }
    if (answer.limit == StepFinding::client_limited) {
        return verdict_of(Outcome::ok, 0,
                          held + "; the server may take more, the limit was echoload itself");
    }
    if (answer.limit == StepFinding::unmeasured) {
        return verdict_of(Outcome::ok, 0, held + "; beyond that nothing could be measured");
    }
    return verdict_of(Outcome::ok, 0, held);
}

Verdict sweep_verdict(const CapacityReport& report, const Options& load) {
    const auto count = [&report](StepFinding finding) {
        return std::count_if(report.sums.begin(), report.sums.end(), [=](const Sweep::Point& sum) {
            return sum.runs != 0 && sum.finding == finding;
        });
    };
    const auto failed = count(StepFinding::fails);
    const auto not_judged = count(StepFinding::client_limited) + count(StepFinding::unmeasured);
    const bool only_undecided =
        std::all_of(report.steps.begin(), report.steps.end(), [](const CapacityStep& step) {
            return step.verdict.outcome == Outcome::undecided;
        });
    if (failed + count(StepFinding::holds) == 0 && !only_undecided) {
        return verdict_of(
            Outcome::not_delivered, 5,
            fmt::format("nothing of the server could be measured: {}", not_judged_text(report)));
    }
    if (!has_conditions(load)) {
        return {};
    }
    if (failed != 0) {
        return verdict_of(Outcome::gate_failed, 3,
                          fmt::format("{} of {} points do not hold", failed, report.points.size()));
    }
    if (not_judged != 0) {
        return verdict_of(Outcome::undecided, 6,
                          fmt::format("{} of {} points are undecided: {}", not_judged,
                                      report.points.size(), not_judged_text(report)));
    }
    return {};
}

} // namespace echoload
