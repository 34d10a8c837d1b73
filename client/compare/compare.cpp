// SPDX-License-Identifier: MIT
#include "client/compare/compare.hpp"

#include "client/compare/figure_values.hpp"
#include "client/compare/several_runs.hpp"
#include "client/compare/sides.hpp"
#include "client/result/bad_result.hpp"

#include <fmt/format.h>

#include <iterator>

namespace echoload {

namespace {

constexpr int kGateFailed = 3;
constexpr int kUndecided = 6;

using Out = std::back_insert_iterator<std::string>;

void write_row(Out out, std::string_view name, std::string_view a, std::string_view b,
               std::string_view difference) {
    fmt::format_to(out, "{:<16}{:>16}{:>16}{:>14}\n", name, a, b, difference);
}

// The table of one run a side. No row where neither result has the figure.
std::string single_table(const StoredResult& a, const StoredResult& b) {
    std::string text;
    const Out out(text);
    write_row(out, "", "A", "B", "difference");
    for (const Figure& figure : table_figures()) {
        const auto before = value_of(a, figure);
        const auto after = value_of(b, figure);
        if (before || after) {
            write_row(out, figure.name, text_of(figure, before), text_of(figure, after),
                      change_text(change(before, after)));
        }
    }
    write_row(out, "verdict", a.verdict.outcome, b.verdict.outcome, "");
    return text;
}

// Judges by one run a side, which holds or not.
JudgedGate judge_single(const Condition& condition, const StoredResult& a, const StoredResult& b) {
    const auto before = value_of(a, condition.figure);
    const auto after = value_of(b, condition.figure);
    const auto judged = condition.relative ? change(before, after) : after;
    const bool holds = !judged || condition.holds(*judged);
    return {fmt::format("fail-if {}: {}, {} to {}: {}\n", condition.text,
                        change_text(change(before, after)), text_of(condition.figure, before),
                        text_of(condition.figure, after),
                        !judged ? "failed, there is no figure" : (holds ? "failed" : "passed")),
            holds ? GateState::failed : GateState::passed};
}

// Throws BadResult where the conditions cannot be judged by so few runs, or --single-run has no
// effect.
void check_gates(const CompareOptions& options, const Sides& sides) {
    if (sides.single_runs() && !options.fail_if.empty() && !options.single_run) {
        throw BadResult("--fail-if needs several runs a side, at least six, since one run does not "
                        "show how much runs differ: give their files as A... -- B... (see echoload "
                        "repeat --help), or --single-run to judge by one");
    }
    if (!sides.single_runs() && options.single_run) {
        throw BadResult(fmt::format("--single-run is for one run a side, there are {} and {}",
                                    sides.a.size(), sides.b.size()));
    }
}

std::string table(const Sides& sides) {
    if (sides.single_runs()) {
        return "one run a side: a difference may be noise\n" +
               single_table(sides.a.front().result, sides.b.front().result);
    }
    return several_table(sides);
}

std::vector<JudgedGate> judge_all(const std::vector<Condition>& conditions, const Sides& sides) {
    if (!sides.single_runs()) {
        return judge_several(conditions, sides);
    }
    std::vector<JudgedGate> gates;
    gates.reserve(conditions.size());
    for (const Condition& condition : conditions) {
        gates.push_back(judge_single(condition, sides.a.front().result, sides.b.front().result));
    }
    return gates;
}

std::string joined(const std::vector<std::string>& files) {
    std::string text;
    for (const std::string& file : files) {
        text += ' ' + file;
    }
    return text;
}

} // namespace

CommandOutput compare_results(const CompareOptions& options) {
    const Sides sides = read_sides(options);
    check_gates(options, sides);
    CommandOutput compared;
    compared.text = fmt::format("A{}\nB{}\n", joined(options.before),
                                joined(options.after.empty() ? options.before : options.after));
    compared.text +=
        different_options(sides.a.front().result.requested, sides.b.front().result.requested);
    compared.text += table(sides);
    if (options.fail_if.empty()) {
        return compared;
    }
    const std::string bad = bad_runs(sides);
    compared.text += bad;
    bool failed = !bad.empty();
    bool undecided = false;
    for (const JudgedGate& gate : judge_all(options.fail_if, sides)) {
        compared.text += gate.text;
        failed = failed || gate.state == GateState::failed;
        undecided = undecided || gate.state == GateState::undecided;
    }
    compared.exit_code = failed ? kGateFailed : (undecided ? kUndecided : 0);
    return compared;
}

} // namespace echoload
