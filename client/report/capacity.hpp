// SPDX-License-Identifier: MIT
// The results of echoload search and echoload sweep: as text, JSON and a page.
#pragma once

#include "client/capacity/sweep.hpp"
#include "client/options/capacity_options.hpp"
#include "client/report/json_value.hpp"
#include "client/result/bottleneck.hpp"
#include "client/result/verdict.hpp"

#include <string>
#include <vector>

namespace echoload {

/// A run of a search or a sweep.
struct CapacityStep {
    double point = 0; ///< its rate, in messages a second, or its number of connections
    StepFinding finding = StepFinding::unmeasured;
    StepFigures figures;
    Bottleneck bottleneck;
    Verdict verdict;
};

/// What the runs have in common.
struct CapacityReport {
    std::string command;             ///< "search" or "sweep"
    bool of_rate = true;             ///< points are rates, not numbers of connections
    Json requested = Json::object(); ///< the options of the runs; null in what their points set
    Json settings = Json::object();  ///< those of the command
    std::uint64_t seed = 0;
    std::string conditions; ///< of --slo, as they were given; empty: none
    std::string started;    ///< UTC; so is `ended`
    std::string ended;
    std::vector<CapacityStep> steps;    ///< in the order of the runs
    std::vector<double> points;         ///< of a sweep
    std::vector<Sweep::Point> sums;     ///< of each of these
    std::optional<SearchAnswer> answer; ///< of a search
    Verdict verdict;
};

/// A line on a run: "4,000/s: 4,000/s answered, p50 80us, p99 1.2ms: holds", with the reason where
/// it does not.
[[nodiscard]] std::string step_text(const CapacityReport& report, const CapacityStep& step);

/// "at 4,000/s: client limited: it was busy": the first run that says nothing of the server; empty
/// where each one does.
[[nodiscard]] std::string not_judged_text(const CapacityReport& report);

/// "at least 1,000/s hold", without "at least" where the server was seen not to hold more. Not
/// where no rate holds.
[[nodiscard]] std::string held_text(const SearchAnswer& answer);

/// Why the rate beyond the answer does not hold, and the bottleneck; empty where none was reached.
[[nodiscard]] std::string limit_text(const CapacityReport& report);

[[nodiscard]] std::string capacity_text(const CapacityReport& report);
[[nodiscard]] Json capacity_json(const CapacityReport& report);
[[nodiscard]] std::string capacity_html(const CapacityReport& report);

} // namespace echoload
