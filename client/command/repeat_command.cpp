// SPDX-License-Identifier: MIT
#include "client/command/repeat_command.hpp"

#include "client/command/one_load.hpp"
#include "client/command/write_each.hpp"
#include "client/report/figures.hpp"
#include "client/report/json.hpp"
#include "client/report/output_file.hpp"
#include "client/report/repeated.hpp"
#include "client/result/not_possible.hpp"
#include "client/result/verdict.hpp"
#include "client/run/repeat_plan.hpp"
#include "net/signal_fd.hpp"

#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace echoload {

namespace {

// A side of the series: its targets as they were given and resolved.
struct Side {
    std::vector<std::string> names;
    std::vector<Target> targets;
};

Side resolve_side(std::vector<std::string> names, Interruptions& interruptions) {
    std::vector<Target> targets = resolve_once(names, interruptions);
    return {std::move(names), std::move(targets)};
}

std::vector<Side> resolve_sides(const RepeatOptions& options, Interruptions& interruptions) {
    std::vector<Side> sides;
    if (!options.ab) {
        sides.push_back(resolve_side(options.load.targets, interruptions));
        return sides;
    }
    for (const std::string& target : options.load.targets) {
        sides.push_back(resolve_side({target}, interruptions));
    }
    return sides;
}

// "12,345/s, p50 80us, p99 1.20ms, ok", or why there are no figures.
std::string run_text(const StoredResult& result) {
    std::string text;
    if (result.rate && result.rate->messages_per_s) {
        text = whole_rate(*result.rate->messages_per_s) + "/s, ";
    }
    const StoredLatency* const response = result.find_latency("response");
    const StoredLatency* const latency =
        response != nullptr ? response : result.find_latency("latency");
    for (const double percent : {50.0, 99.0}) {
        if (latency != nullptr && latency->histogram.count() != 0) {
            text += fmt::format("{} {}, ", percentile_name(percent),
                                duration_or_dash(latency->histogram.percentile(percent)));
        }
    }
    text += result.verdict.outcome;
    return result.verdict.reasons.empty() ? text : text + ": " + result.verdict.reasons.front();
}

// The runs so far, and what is written of them.
class Series {
public:
    // The machine's resources are checked before each run, the names are resolved once: all runs go
    // to the same addresses.
    Series(const RepeatOptions& options, Interruptions& interruptions)
        : options_(options), interruptions_(interruptions),
          sides_(resolve_sides(options, interruptions)),
          plan_(plan_series(options.runs, options.ab, options.load.seed)),
          file_(options.load.output, interruptions), lines_("", interruptions) {}

    // Returns the exit code.
    int conduct() {
        for (const PlannedRun& planned : plan_) {
            if (!runs_.empty() && pause()) {
                break;
            }
            if (run_one(planned)) {
                break;
            }
        }
        return report();
    }

private:
    // True where a signal ended the series.
    bool pause() {
        const int signal = interruptions_.pause(options_.pause);
        if (signal != 0) {
            add_verdict(interrupted(signal));
        }
        return signal != 0;
    }

    // True where a signal ended the run, and with it the series.
    bool run_one(const PlannedRun& planned) {
        const Side& side = sides_[planned.is_b ? 1 : 0];
        Options load = options_.load;
        load.targets = side.names;
        load.seed = planned.seed;
        std::optional<RunResult> result;
        Verdict verdict;
        try {
            Watch watch(load, interruptions_);
            result = run_load(load, side.targets, watch);
            watch.finish();
            verdict = judge(load, *result);
        } catch (const std::exception& error) {
            verdict = not_possible(error.what());
        }
        add_verdict(verdict);
        store(planned, stored_result(load, result ? &*result : nullptr, verdict));
        const int signal = result ? result->signal : 0;
        interruptions_.note(signal);
        return signal != 0;
    }

    void store(const PlannedRun& planned, const StoredResult& result) {
        const char* const side = planned.is_b ? "B" : "A";
        runs_.push_back(repeated_run_json(side, planned.block, result));
        const std::string block =
            options_.ab ? fmt::format(", {} in block {}", side, planned.block) : "";
        if (!options_.load.quiet || !result.verdict.reasons.empty()) {
            write_line(fmt::format("run {} of {}{}: {}\n", runs_.size(), plan_.size(), block,
                                   run_text(result)));
        }
    }

    void add_verdict(const Verdict& verdict) {
        if (verdict.outcome < worst_.outcome) {
            worst_ = verdict;
        }
    }

    // A reader that is slow or gone does not hold up the series.
    void write_line(const std::string& text) {
        try {
            if (line_failure_.empty()) {
                lines_.append(text);
            }
        } catch (const std::exception& error) {
            line_failure_ = error.what();
        }
    }

    int report() {
        Repeated head;
        head.runs = options_.runs;
        head.pause_s = echod::to_seconds(options_.pause);
        head.interleaved = options_.ab;
        head.seed = options_.load.seed;
        std::string where = "were made and not written";
        const auto write_file = [&] {
            file_.write(write_json(repeated_json(head, runs_)));
            where = "are in " + options_.load.output;
        };
        const auto write_lines = [&] {
            if (!options_.load.quiet || worst_.outcome != Outcome::ok) {
                write_line(fmt::format("{} of {} runs {}, the worst verdict is {} (exit {})\n",
                                       runs_.size(), plan_.size(), where,
                                       echod::enum_name(worst_.outcome), worst_.exit_code));
            }
            if (!line_failure_.empty()) {
                throw NotPossible(line_failure_);
            }
            lines_.finish();
        };
        write_each(worst_, interruptions_, {write_file, write_lines});
        return worst_.exit_code;
    }

    const RepeatOptions& options_;
    Interruptions& interruptions_;
    const std::vector<Side> sides_;
    const std::vector<PlannedRun> plan_;
    OutputFile file_;
    OutputFile lines_;
    Json runs_ = Json::array();
    Verdict worst_;
    std::string line_failure_;
};

} // namespace

int repeat_and_report(const RepeatOptions& options, Interruptions& interruptions) {
    // Until the results are written, the first signal ends the series and not the process.
    (void)echod::block_signals({SIGUSR1});
    return Series(options, interruptions).conduct();
}

} // namespace echoload
