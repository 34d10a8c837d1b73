// SPDX-License-Identifier: MIT
#include "client/command/capacity_commands.hpp"

#include "client/capacity/rate_search.hpp"
#include "client/capacity/sweep.hpp"
#include "client/command/capacity_runs.hpp"
#include "client/command/capacity_verdict.hpp"
#include "net/signal_fd.hpp"

#include <csignal>

namespace echoload {

namespace {

// It would end the process; a run waits for it.
void block_until_written() {
    (void)echod::block_signals({SIGUSR1});
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
    report.verdict = runs.ended() ? *runs.ended() : search_verdict(report);
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
    report.verdict = runs.ended() ? *runs.ended() : sweep_verdict(report, options.load);
    return runs.write();
}

} // namespace echoload
