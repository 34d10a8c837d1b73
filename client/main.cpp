// SPDX-License-Identifier: MIT
// echoload: argv -> options -> run -> verdict -> result -> exit code.
#include "client/compare.hpp"
#include "client/limit.hpp"
#include "client/options.hpp"
#include "client/output_file.hpp"
#include "client/preflight.hpp"
#include "client/report.hpp"
#include "client/runner.hpp"
#include "client/verdict.hpp"
#include "client/watch.hpp"
#include "net/signal_fd.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <initializer_list>
#include <optional>

namespace {

using namespace echoload;

constexpr int kNotPossible = 1;
constexpr int kUsageError = 2;

void say(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
}

void write_result(const Options& options, const RunResult& result, const Verdict& verdict,
                  OutputFile& file) {
    if (options.format == Format::json) {
        file.write(json_report(options, &result, verdict));
    } else if (!options.quiet || !options.output.empty()) {
        file.write(text_report(options, result, verdict));
    }
    if (options.quiet) {
        say(text_troubles(options, result, verdict));
    }
}

std::optional<OutputFile> opened(const std::string& path) {
    return path.empty() ? std::nullopt : std::optional<OutputFile>(path);
}

// The server to look at, if one was named. Throws NotPossible where it is not there.
std::optional<ProcessWatch> find_server(const Options& options) {
    if (!options.server_unit.empty()) {
        return ProcessWatch(main_pid_of_unit(options.server_unit));
    }
    if (!options.server_pid) {
        return std::nullopt;
    }
    if (!sample_process(*options.server_pid)) {
        throw NotPossible(fmt::format("--server-pid: there is no process {}", *options.server_pid));
    }
    return ProcessWatch(*options.server_pid);
}

// Runs, and looks at both processes while it is measured.
RunResult run_watched(const Options& options, const std::vector<Target>& targets, Watch& watch) {
    ProcessWatch client(::getpid());
    std::optional<ProcessWatch> server = find_server(options);
    LiveSink live;
    live.interval = [&watch](const LiveInterval& interval) { watch.hear(interval); };
    live.snapshot = [&watch] { watch.snapshot(); };
    live.begins = [&] {
        client.begin();
        if (server) {
            server->begin();
        }
    };
    live.ends = [&] {
        client.end();
        if (server) {
            server->end();
        }
    };
    RunResult result = run(options, targets, watch.interval(), live);
    result.client = client.use();
    // The loops have looked at themselves, to the nanosecond and before they ended.
    for (const LoopUse& loop : result.loops) {
        if (result.client) {
            result.client->busiest_thread = std::max(result.client->busiest_thread, loop.share());
        }
    }
    result.server = server ? server->use() : std::nullopt;
    return result;
}

// Tells of a run that never began: the JSON is there however it ended.
int report_no_run(const Options& options, const Verdict& verdict, OutputFile& file) {
    if (options.format == Format::json) {
        file.write(json_report(options, nullptr, verdict));
    }
    say(fmt::format("echoload: {}\n", verdict.reasons.front()));
    return verdict.exit_code;
}

// Does each, whatever becomes of the others; what could not be written is said and in the verdict.
void write_each(Verdict& verdict, std::initializer_list<std::function<void()>> writes) {
    for (const auto& write : writes) {
        try {
            write();
        } catch (const std::exception& error) {
            say(fmt::format("echoload: {}\n", error.what()));
            add_write_failure(verdict, error.what());
        }
    }
}

int run_and_report(const Options& options) {
    // Until the result is written, signals end the run and not the process. One that asks for a
    // snapshot waits for the run.
    (void)echod::block_signals({SIGUSR1});
    echod::SignalFd signals{SIGINT, SIGTERM};
    Resolution resolution = resolve(options.targets, signals); // first: -o of a bad target is kept
    OutputFile file(options.output);
    std::optional<OutputFile> hdr;
    std::optional<OutputFile> page;
    std::optional<Watch> watch;
    RunResult result;
    try {
        hdr = opened(options.hdr);
        page = opened(options.report);
        watch.emplace(options);
        if (resolution.signal != 0) {
            return report_no_run(options, interrupted(resolution.signal), file);
        }
        if (!resolution.failure.empty()) {
            throw NotPossible(resolution.failure);
        }
        check_sources(options, resolution.targets);
        reserve_descriptors(options);
        check_memory(options);
        result = run_watched(options, resolution.targets, *watch);
    } catch (const std::exception& error) {
        return report_no_run(options, not_possible(error.what()), file);
    }
    watch->finish();
    Verdict verdict = judge(options, result);
    // The result comes last: its verdict has what became of the other files.
    write_each(
        verdict,
        {
            [&] { watch->rethrow_failure(); },
            [&] {
                if (hdr) {
                    hdr->write(hdr_text(
                        *latencies(result.tally, options.pace.has_value()).front().histogram));
                }
            },
            [&] {
                if (page) {
                    page->write(
                        html_report(json_report(options, &result, verdict), watch->timeline()));
                }
            },
            [&] { write_result(options, result, verdict, file); },
        });
    return verdict.exit_code;
}

int tell(const NoRun& none) {
    say(none.err);
    std::fwrite(none.out.data(), 1, none.out.size(), stdout);
    return std::fflush(stdout) == 0 ? none.exit_code : kNotPossible;
}

int merge(int argc, const char* const* argv) {
    const auto parsed = parse_merge(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return tell(*none);
    }
    const auto& options = std::get<MergeOptions>(parsed);
    const Compared merged = merge_results(options.files); // first: -o may name one of them
    OutputFile(options.output).write(merged.text);
    return merged.exit_code;
}

int compare(int argc, const char* const* argv) {
    const auto parsed = parse_compare(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return tell(*none);
    }
    const Compared compared = compare_results(std::get<CompareOptions>(parsed));
    OutputFile("").write(compared.text);
    return compared.exit_code;
}

} // namespace

int main(int argc, char** argv) try {
    std::signal(SIGPIPE, SIG_IGN); // a reader of the result that is gone is an error of write
    // No target has such a name: one has a colon in it.
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "merge") {
        return merge(argc - 1, argv + 1);
    }
    if (command == "compare") {
        return compare(argc - 1, argv + 1);
    }
    const auto parsed = parse_options(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return tell(*none);
    }
    return run_and_report(std::get<Options>(parsed));
} catch (const BadResult& error) {
    say(fmt::format("echoload: {}\n", error.what()));
    return kUsageError;
} catch (const BadTarget& error) {
    say(fmt::format("echoload: {} (see echoload --help)\n", error.what()));
    return kUsageError;
} catch (const std::exception& error) {
    say(fmt::format("echoload: {}\n", error.what()));
    return kNotPossible;
}
