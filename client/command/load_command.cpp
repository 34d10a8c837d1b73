// SPDX-License-Identifier: MIT
#include "client/command/load_command.hpp"

#include "client/command/one_load.hpp"
#include "client/command/start_time.hpp"
#include "client/command/write_each.hpp"
#include "client/probe/probe.hpp"
#include "client/report/hdr.hpp"
#include "client/report/html.hpp"
#include "client/report/json.hpp"
#include "client/report/nagios.hpp"
#include "client/report/output_file.hpp"
#include "client/report/text.hpp"
#include "client/report/watch.hpp"
#include "client/result/verdict.hpp"
#include "client/run/resolve.hpp"
#include "net/signal_fd.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <functional>
#include <optional>

namespace echoload {

namespace {

void open_if_named(std::optional<OutputFile>& file, const std::string& path,
                   Interruptions& interruptions) {
    if (!path.empty()) {
        file.emplace(path, interruptions);
    }
}

// A run that never began: with --format json there is a result all the same.
int report_no_run(const Options& options, const Verdict& verdict, OutputFile& file,
                  Interruptions& interruptions) {
    if (options.format == Format::json) {
        file.write(json_report(options, nullptr, verdict));
    }
    if (options.format == Format::nagios) {
        const StoredResult result = stored_result(options, nullptr, verdict);
        file.write(plugin_line(result));
        return static_cast<int>(plugin_state(result));
    }
    write_standard_error(fmt::format("echoload: {}\n", verdict.reasons.front()), interruptions);
    return verdict.exit_code;
}

void write_result(const Options& options, const StoredResult& result, OutputFile& file,
                  Interruptions& interruptions) {
    if (options.format == Format::json) {
        file.write(write_json(result_json(result)));
    } else if (options.format == Format::nagios) {
        file.write(plugin_line(result));
        return;
    } else if (!options.quiet || !options.output.empty()) {
        file.write(text_report(result));
    }
    if (options.quiet) {
        write_standard_error(text_failures(result), interruptions);
    }
}

// The files of a run, opened before it: a long run is not to fail when its result is written.
struct OutputFiles {
    OutputFile& result;
    std::optional<OutputFile> hdr;
    std::optional<OutputFile> page;
};

// `finish_probe` throws what went wrong in the run.
int report(const Options& options, const RunResult& result, Watch& watch, OutputFiles& files,
           const std::function<void()>& finish_probe, Interruptions& interruptions) {
    Verdict verdict = judge(options, result);
    const auto write_hdr = [&] {
        if (files.hdr) {
            const auto named = latencies(result.tally, options.pace.has_value());
            files.hdr->write(hdr_text(*named.front().histogram));
        }
    };
    const auto write_page = [&] {
        if (files.page) {
            files.page->write(
                html_report(stored_result(options, &result, verdict), watch.timeline()));
        }
    };
    // The result comes last: its verdict includes whether the other files could be written.
    const auto write_last = [&] {
        write_result(options, stored_result(options, &result, verdict), files.result,
                     interruptions);
    };
    write_each(verdict, interruptions,
               {[&] { watch.finish_series(); }, finish_probe, write_hdr, write_page, write_last});
    return options.format == Format::nagios
               ? static_cast<int>(plugin_state(stored_result(options, &result, verdict)))
               : verdict.exit_code;
}

void start_probe(std::optional<Probe>& probe, const Options& options,
                 Interruptions& interruptions) {
    if (!options.is_monitored()) {
        return;
    }
    std::string url;
    probe.emplace(options, url);
    if (!url.empty() && !options.quiet) {
        write_standard_error(fmt::format("echoload: metrics at {}\n", url), interruptions);
    }
}

} // namespace

int run_and_report(const Options& options, Interruptions& interruptions) {
    // Until the result is written, the first signal ends the run and not the process. SIGUSR1 stays
    // pending until the run reads it.
    (void)echod::block_signals({SIGUSR1});
    if (options.outlives_hangup()) {
        interruptions.leave_hangup_pending();
    }
    // First, so that no file is opened where a target is malformed.
    Resolution resolution = resolve(options.targets, interruptions.signals());
    interruptions.note(resolution.signal);
    OutputFile result_file(options.output, interruptions);
    OutputFiles files{result_file, std::nullopt, std::nullopt};
    std::optional<Watch> watch;
    std::optional<Probe> probe;
    RunResult result;
    try {
        open_if_named(files.hdr, options.hdr, interruptions);
        open_if_named(files.page, options.report, interruptions);
        watch.emplace(options, interruptions);
        if (resolution.signal != 0) {
            return report_no_run(options, interrupted(resolution.signal), result_file,
                                 interruptions);
        }
        if (!resolution.failure.empty()) {
            throw NotPossible(resolution.failure);
        }
        start_probe(probe, options, interruptions);
        std::optional<WallTime> start;
        if (options.start_at) {
            start = start_time(*options.start_at, std::chrono::system_clock::now());
            if (const int signal = wait_to_connect(options, *start, interruptions); signal != 0) {
                return report_no_run(options, interrupted(signal), result_file, interruptions);
            }
        }
        result = run_load(options, resolution.targets, *watch, {start, probe ? &*probe : nullptr});
    } catch (const std::exception& error) {
        return report_no_run(options, not_possible(error.what()), result_file, interruptions);
    }
    interruptions.note(result.signal);
    watch->finish();
    const auto finish_probe = [&probe] {
        if (probe) {
            probe->finish();
        }
    };
    return report(options, result, *watch, files, finish_probe, interruptions);
}

} // namespace echoload
