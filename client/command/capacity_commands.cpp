// SPDX-License-Identifier: MIT
#include "client/command/capacity_commands.hpp"

#include "client/capacity/rate_search.hpp"
#include "client/capacity/sweep.hpp"
#include "client/command/capacity_runs.hpp"
#include "client/measure/numbers.hpp"
#include "net/signal_fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

namespace echoload {

namespace {

// It would end the process; a run waits for it.
void block_until_written() {
    (void)echod::block_signals({SIGUSR1});
}

Verdict failed_verdict(Outcome outcome, int exit_code, std::string reason) {
    return {outcome, exit_code, {std::move(reason)}, {}};
}

Verdict search_verdict(const SearchAnswer& answer, const CapacityReport& report) {
    if (!answer.rate && answer.limit == StepFinding::fails) {
        return failed_verdict(
            Outcome::gate_failed, 3,
            fmt::format("not even the lowest rate holds: {}", limit_text(report)));
    }
    if (!answer.rate) {
        return failed_verdict(
            Outcome::not_delivered, 5,
            fmt::format("nothing could be measured at the lowest rate: {}", limit_text(report)));
    }
    Verdict verdict;
    if (answer.beyond && answer.limit == StepFinding::client_limited) {
        verdict.reasons.push_back(
            fmt::format("{}/s hold; the server may take more, the limit was echoload itself",
                        whole_rate(*answer.rate)));
    } else if (!answer.beyond) {
        verdict.reasons.push_back(fmt::format("{}/s hold, the highest rate that was to be tried",
                                              whole_rate(*answer.rate)));
    } else {
        verdict.reasons.push_back(fmt::format("{}/s hold", whole_rate(*answer.rate)));
    }
    return verdict;
}

Verdict sweep_verdict(const CapacityReport& report, bool has_conditions) {
    const auto count = [&report](StepFinding finding) {
        return std::count_if(report.sums.begin(), report.sums.end(), [=](const Sweep::Point& sum) {
            return sum.runs != 0 && sum.finding == finding;
        });
    };
    const auto failed = count(StepFinding::fails);
    if (failed + count(StepFinding::holds) == 0) {
        return failed_verdict(
            Outcome::not_delivered, 5,
            "nothing could be measured: at each point echoload was the bottleneck or no echo came");
    }
    if (has_conditions && failed != 0) {
        return failed_verdict(
            Outcome::gate_failed, 3,
            fmt::format("{} of {} points do not hold", failed, report.points.size()));
    }
    return {};
}

} // namespace

int search_and_report(const SearchOptions& options, Interruptions& interruptions) {
    block_until_written();
    CapacityRuns runs(options.load, true, interruptions);
    CapacityReport& report = runs.report();
    report.command = "search";
    report.settings = {{"from", options.range.lowest},
                       {"to", options.range.highest},
                       {"precision_share", options.range.precision},
                       {"repeats", options.range.repeats}};
    RateSearch search(options.range);
    while (const auto rate = search.next()) {
        if (!runs.run(*rate)) {
            break;
        }
        search.add(*rate, runs.last().finding);
    }
    report.answer = search.answer();
    report.verdict = runs.ended() ? *runs.ended() : search_verdict(*report.answer, report);
    return runs.write();
}

int sweep_and_report(const SweepOptions& options, Interruptions& interruptions) {
    block_until_written();
    CapacityRuns runs(options.load, !options.rates.empty(), interruptions);
    CapacityReport& report = runs.report();
    report.command = "sweep";
    report.points = report.of_rate ? options.rates : options.connections;
    report.settings = {{"points", report.points}, {"runs", options.runs}};
    Sweep sweep(report.points.size(), options.runs);
    while (const auto point = sweep.next()) {
        if (!runs.run(report.points[*point])) {
            break;
        }
        sweep.add(*point, runs.last().figures, runs.last().finding);
    }
    for (std::size_t point = 0; point < report.points.size(); ++point) {
        report.sums.push_back(sweep.at(point));
    }
    report.verdict =
        runs.ended() ? *runs.ended() : sweep_verdict(report, !options.load.gates.empty());
    return runs.write();
}

} // namespace echoload
