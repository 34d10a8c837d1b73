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

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
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
RunResult run_watched(const Options& options, Watch& watch) {
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
    std::vector<Target> targets = resolve_targets(options.targets);
    check_sources(options, targets);
    RunResult result = run(options, targets, watch.interval(), live);
    result.client = client.use();
    // The loops have looked at themselves, to the nanosecond and before they ended.
    for (const LoopUse& loop : result.loops) {
        if (result.client && loop.wall > Duration::zero()) {
            const double share = std::chrono::duration<double>(loop.user + loop.system) / loop.wall;
            result.client->busiest_thread = std::max(result.client->busiest_thread, share);
        }
    }
    result.server = server ? server->use() : std::nullopt;
    return result;
}

int run_and_report(const Options& options) {
    OutputFile file(options.output);
    std::optional<OutputFile> hdr = opened(options.hdr);
    std::optional<OutputFile> page = opened(options.report);
    Watch watch(options);
    RunResult result;
    Verdict verdict;
    try {
        reserve_descriptors(options.connections + options.abuse.total());
        check_memory(options);
        result = run_watched(options, watch);
        watch.finish();
        verdict = judge(options, result);
    } catch (const NotPossible& error) {
        if (options.format == Format::json) {
            file.write(json_report(options, nullptr, not_possible(error.what())));
        }
        throw;
    }
    write_result(options, result, verdict, file);
    if (hdr) {
        hdr->write(hdr_text(*latencies(result.tally).front().histogram));
    }
    if (page) {
        page->write(html_report(json_report(options, &result, verdict), watch.timeline()));
    }
    watch.rethrow_failure(); // the result is worth more than the series: it is written by now
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
