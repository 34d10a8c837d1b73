// SPDX-License-Identifier: MIT
#include "client/result/step_finding.hpp"

#include "client/result/bottleneck.hpp"

namespace echoload {

namespace {

std::optional<double> ns_of(std::optional<Duration> duration) {
    return duration ? std::optional(static_cast<double>(duration->count())) : std::nullopt;
}

} // namespace

StepFinding step_finding(const Verdict& verdict, const RunResult& result) {
    if (verdict.outcome == Outcome::ok) {
        return StepFinding::holds;
    }
    if (verdict.outcome == Outcome::undecided || !result.window ||
        result.tally.messages.in_window == 0) {
        return StepFinding::unmeasured;
    }
    return find_bottleneck(result).where == Bottleneck::Where::client ? StepFinding::client_limited
                                                                      : StepFinding::fails;
}

StepFigures step_figures(const Options& options, const RunResult& result) {
    StepFigures figures;
    if (result.rate) {
        figures[StepFigure::asked] = result.rate->requested;
        figures[StepFigure::achieved] = result.rate->achieved;
    }
    if (result.window) {
        figures[StepFigure::messages] = static_cast<double>(result.tally.messages.in_window) /
                                        echod::to_seconds(*result.window);
    }
    figures[StepFigure::errors] =
        error_rate(result.tally.messages, result.tally.connections, result.outages.has_value());
    const Histogram& latency = loop_latency(result.tally, options.pace.has_value());
    figures[StepFigure::mean] = ns_of(latency.mean());
    figures[StepFigure::p50] = ns_of(latency.percentile(50));
    figures[StepFigure::p90] = ns_of(latency.percentile(90));
    figures[StepFigure::p99] = ns_of(latency.percentile(99));
    figures[StepFigure::p99_9] = ns_of(latency.percentile(99.9));
    figures[StepFigure::max] = ns_of(latency.max());
    return figures;
}

} // namespace echoload
