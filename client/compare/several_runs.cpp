// SPDX-License-Identifier: MIT
#include "client/compare/several_runs.hpp"

#include "client/compare/figure_values.hpp"
#include "client/statistics/comparison.hpp"
#include "client/statistics/holm.hpp"
#include "client/statistics/median.hpp"
#include "client/statistics/ranks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

namespace echoload {

namespace {

// A figure in each run of both sides, and what is known of its difference.
struct FigureOfRuns {
    std::vector<double> a;
    std::vector<double> b;
    bool missing = false; ///< in a run; the others are compared no further
    std::optional<Factor> factor;
    double p = 1;
};

std::vector<double> values_of(const std::vector<SideRun>& side, const Figure& figure) {
    std::vector<double> values;
    for (const SideRun& run : side) {
        if (const auto value = value_of(run.result, figure)) {
            values.push_back(*value);
        }
    }
    return values;
}

bool enough_runs(const Sides& sides) {
    return std::min(sides.a.size(), sides.b.size()) >= kFewestRuns;
}

FigureOfRuns compare_figure(const Figure& figure, const Sides& sides) {
    FigureOfRuns found{values_of(sides.a, figure), values_of(sides.b, figure), false, {}, 1};
    found.missing = found.a.size() < sides.a.size() || found.b.size() < sides.b.size();
    if (found.missing || !enough_runs(sides)) {
        return found;
    }
    found.factor =
        sides.interleaved ? factor_of_pairs(found.a, found.b) : factor_of_samples(found.a, found.b);
    found.p = mann_whitney_p(found.a, found.b);
    return found;
}

std::optional<double> median_of(const std::vector<double>& values) {
    return values.empty() ? std::nullopt : std::optional(median(values));
}

std::string factor_text(double factor) {
    return change_text(change(1, factor));
}

std::string interval_text(const Interval& interval) {
    return factor_text(interval.low) + " to " + factor_text(interval.high);
}

std::string p_text(double p) {
    return p < 0.0001 ? "<0.0001" : fmt::format("{:.4f}", p);
}

std::string difference_text(const FigureOfRuns& found) {
    return found.factor ? factor_text(found.factor->estimate)
                        : change_text(change(median_of(found.a), median_of(found.b)));
}

void write_figure(const Figure& figure, const Sides& sides, std::string& text) {
    const FigureOfRuns found = compare_figure(figure, sides);
    if (found.a.empty() && found.b.empty()) {
        return;
    }
    fmt::format_to(std::back_inserter(text), "{:<16}{:>14}{:>14}{:>12}{:>20}{:>9}\n", figure.name,
                   text_of(figure, median_of(found.a)), text_of(figure, median_of(found.b)),
                   difference_text(found),
                   found.factor ? interval_text(found.factor->interval) : "-",
                   found.factor ? p_text(found.p) : "-");
}

// "6 ok, 1 not delivered".
std::string verdicts_text(const std::vector<SideRun>& side) {
    std::vector<std::string> names;
    names.reserve(side.size());
    for (const SideRun& run : side) {
        names.push_back(run.result.verdict.outcome);
    }
    std::string text;
    while (!names.empty()) {
        const std::string name = names.front();
        const auto count = std::count(names.begin(), names.end(), name);
        names.erase(std::remove(names.begin(), names.end(), name), names.end());
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
    }
    return text;
}

// A factor, or a value in the figure's unit.
Limit limit_of(const Condition& condition) {
    return {condition.relative ? 1 + condition.value / 100 : condition.value,
            !condition.is_upper_bound(), condition.holds(condition.value)};
}

std::string undecided_text(const Factor& judged, double limit, std::size_t count) {
    const auto runs = more_runs(judged, limit, count);
    return runs ? fmt::format("undecided, about {} more {} a side would decide", *runs,
                              *runs == 1 ? "run" : "runs")
                : "undecided, the difference is too close to the limit for any number of runs";
}

struct Judged {
    GateState state = GateState::undecided;
    std::string outcome;
};

Judged judge_interval(const Factor& judged, const Limit& limit, std::size_t count) {
    switch (decide(judged.interval, limit)) {
    case Decision::within:
        return {GateState::passed, "passed"};
    case Decision::beyond:
        return {GateState::failed, "failed"};
    case Decision::undecided:
        break;
    }
    return {GateState::undecided, undecided_text(judged, limit.value, count)};
}

// By the difference of B from A. `p` is corrected for the number of conditions.
JudgedGate judge_difference(const Condition& condition, const FigureOfRuns& found, double p) {
    const Limit limit = limit_of(condition);
    const std::size_t count = std::min(found.a.size(), found.b.size());
    Judged judged = judge_interval(*found.factor, limit, count);
    const bool allows_none = limit.above ? limit.value >= 1 : limit.value <= 1;
    if (judged.state == GateState::failed && allows_none && p >= kMissed) {
        judged = {GateState::undecided,
                  "undecided, p is not below 0.05: more runs a side would decide"};
    }
    return {fmt::format("fail-if {}: {} ({}, p {}), {} to {}: {}\n", condition.text,
                        factor_text(found.factor->estimate), interval_text(found.factor->interval),
                        p_text(p), text_of(condition.figure, median_of(found.a)),
                        text_of(condition.figure, median_of(found.b)), judged.outcome),
            judged.state};
}

// By the figure of B alone.
JudgedGate judge_value(const Condition& condition, const FigureOfRuns& found) {
    const Factor centre = centre_of_sample(found.b);
    const Judged judged = judge_interval(centre, limit_of(condition), found.b.size());
    return {fmt::format("fail-if {}: {} ({} to {}): {}\n", condition.text,
                        text_of(condition.figure, centre.estimate),
                        text_of(condition.figure, centre.interval.low),
                        text_of(condition.figure, centre.interval.high), judged.outcome),
            judged.state};
}

JudgedGate judge_figure(const Condition& condition, const FigureOfRuns& found, double p) {
    return condition.relative ? judge_difference(condition, found, p)
                              : judge_value(condition, found);
}

} // namespace

std::string several_table(const Sides& sides) {
    std::string text =
        fmt::format("{} runs of A and {} of B{}\n", sides.a.size(), sides.b.size(),
                    sides.interleaved ? ", in pairs that ran one after the other" : "");
    const auto out = std::back_inserter(text);
    if (!sides.unpaired.empty()) {
        fmt::format_to(out, "left out, since the run next to it is missing: {}\n",
                       sides.unpaired.front().place);
    }
    if (!enough_runs(sides)) {
        fmt::format_to(out, "too few runs to tell: {} a side are needed\n", kFewestRuns);
    }
    fmt::format_to(out, "{:<16}{:>14}{:>14}{:>12}{:>20}{:>9}\n", "median", "A", "B", "difference",
                   "95 % interval", "p");
    for (const Figure& figure : table_figures()) {
        write_figure(figure, sides, text);
    }
    fmt::format_to(out, "verdicts of A: {}\nverdicts of B: {}\n", verdicts_text(sides.a),
                   verdicts_text(sides.b));
    return text;
}

std::vector<JudgedGate> judge_several(const std::vector<Condition>& conditions,
                                      const Sides& sides) {
    std::vector<FigureOfRuns> found;
    std::vector<double> p; // of those on a difference
    for (const Condition& condition : conditions) {
        found.push_back(compare_figure(condition.figure, sides));
        if (condition.relative) {
            p.push_back(found.back().p);
        }
    }
    p = holm(p);
    auto next_p = p.begin();
    std::vector<JudgedGate> gates;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
        const double corrected = conditions[i].relative ? *next_p++ : 1;
        const std::string& text = conditions[i].text;
        if (found[i].missing) {
            gates.push_back({fmt::format("fail-if {}: failed, there is no figure in a run\n", text),
                             GateState::failed});
        } else if (!found[i].factor) {
            gates.push_back({fmt::format("fail-if {}: undecided, too few runs to tell\n", text),
                             GateState::undecided});
        } else {
            gates.push_back(judge_figure(conditions[i], found[i], corrected));
        }
    }
    return gates;
}

} // namespace echoload
