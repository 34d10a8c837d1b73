// SPDX-License-Identifier: MIT
#include "client/command/capacity_runs.hpp"

#include "client/command/one_load.hpp"
#include "client/command/write_each.hpp"
#include "client/report/options_json.hpp"
#include "client/report/watch.hpp"
#include "client/result/step_finding.hpp"
#include "client/run/seeds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace echoload {

namespace {

// Until the connections of a run are gone from the server.
constexpr Duration kBetweenRuns = std::chrono::milliseconds(200);

std::string conditions_text(const Gates& gates) {
    std::string text;
    for (const Condition& gate : gates) {
        text += (text.empty() ? "" : ",") + gate.text;
    }
    return text;
}

// The length of a run in which twice as many messages are due as the percentiles need.
Duration length_for(const Gates& gates, double rate, Duration usual) {
    std::uint64_t most = 0;
    for (const Condition& gate : gates) {
        most = std::max(most, gate.figure.of_time ? gate.figure.of_time->values_needed() : 0);
    }
    const double seconds = 2 * static_cast<double>(most) / rate;
    return std::max(usual, Duration(static_cast<std::int64_t>(std::min(seconds, 3.6e6) * 1e9)));
}

bool ends_all(const Verdict& verdict) {
    return verdict.outcome == Outcome::wrong_echo || verdict.outcome == Outcome::interrupted ||
           verdict.outcome == Outcome::not_possible;
}

} // namespace

CapacityRuns::CapacityRuns(const Options& load, bool of_rate, Interruptions& interruptions)
    : load_(load), interruptions_(interruptions),
      targets_(resolve_once(load.targets, interruptions)), file_(load.output, interruptions),
      seeds_(load.seed) {
    if (!load.report.empty()) {
        page_.emplace(load.report, interruptions);
    }
    report_.of_rate = of_rate;
    report_.requested = options_json(load);
    if (of_rate) {
        report_.requested["loop"] = "open";
    } else {
        report_.requested["connections"] = nullptr;
    }
    report_.seed = load.seed;
    report_.conditions = conditions_text(load.gates);
    report_.started = utc_text(std::chrono::system_clock::now());
}

Options CapacityRuns::options_at(double point) {
    Options options = load_;
    options.seed = seed_from(seeds_);
    options.quiet = true; // a line on each run is enough
    if (report_.of_rate) {
        options.pace = Pace{point, point};
        options.duration = length_for(options.gates, point, *load_.duration);
    } else {
        options.connections = static_cast<std::uint32_t>(point);
        if (options.pace) {
            options.duration = length_for(options.gates, options.pace->first, *load_.duration);
        }
    }
    return options;
}

bool CapacityRuns::run(double point) {
    if (const int signal = report_.steps.empty() ? 0 : interruptions_.pause(kBetweenRuns)) {
        end(interrupted(signal));
        return false;
    }
    const Options options = options_at(point);
    CapacityStep step;
    step.point = point;
    try {
        Watch watch(options, interruptions_);
        const RunResult result = run_load(options, targets_, watch);
        watch.finish();
        interruptions_.note(result.signal);
        step.verdict = judge(options, result);
        step.finding = step_finding(step.verdict, result);
        step.figures = step_figures(options, result);
        step.bottleneck = find_bottleneck(result);
    } catch (const std::exception& error) {
        step.verdict = not_possible(error.what());
    }
    if (ends_all(step.verdict)) {
        end(step.verdict);
    }
    if (step.verdict.outcome != Outcome::interrupted) { // its figures are those of a part
        report_.steps.push_back(step);
        if (!load_.quiet) {
            write_standard_error(
                fmt::format("run {}: {}\n", report_.steps.size(), step_text(report_, step)),
                interruptions_);
        }
    }
    return !ended_;
}

int CapacityRuns::write() {
    report_.ended = utc_text(std::chrono::system_clock::now());
    const auto write_reasons = [this] {
        if (load_.quiet && report_.verdict.outcome != Outcome::ok) {
            for (const std::string& reason : report_.verdict.reasons) {
                write_standard_error(fmt::format("echoload: {}\n", reason), interruptions_);
            }
        }
    };
    const auto write_page = [this] {
        if (page_) {
            page_->write(capacity_html(report_));
        }
    };
    // The result comes last: its verdict includes whether the page could be written.
    const auto write_last = [this] {
        if (load_.format == Format::json) {
            file_.write(write_json(capacity_json(report_)));
        } else if (!load_.quiet || !load_.output.empty()) {
            file_.write(capacity_text(report_));
        }
    };
    write_each(report_.verdict, interruptions_, {write_reasons, write_page, write_last});
    return report_.verdict.exit_code;
}

} // namespace echoload
