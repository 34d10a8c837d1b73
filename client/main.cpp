// SPDX-License-Identifier: MIT
// echoload: argv -> options -> run -> verdict -> result -> exit code.
#include "base/sys_error.hpp"
#include "client/compare.hpp"
#include "client/options.hpp"
#include "client/preflight.hpp"
#include "client/report.hpp"
#include "client/runner.hpp"
#include "client/verdict.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>

namespace {

using namespace echoload;

constexpr int kNotPossible = 1;
constexpr int kUsageError = 2;

void say(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
}

struct CloseFile {
    void operator()(std::FILE* file) const noexcept {
        if (file != stdout) {
            std::fclose(file);
        }
    }
};

/// Where the result goes: opened before the run, so that a long run is not for nothing.
class ResultFile {
public:
    /// Standard output where `path` is empty. Throws NotPossible.
    explicit ResultFile(const std::string& path)
        : path_(path.empty() ? "standard output" : path),
          file_(path.empty() ? stdout : std::fopen(path.c_str(), "we")) {
        if (!file_) {
            throw NotPossible(
                fmt::format("cannot write {}: {}", path_, echod::describe_errno(errno)));
        }
    }

    /// Throws NotPossible where not all of it could be written.
    void write(std::string_view text) {
        if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
            std::fflush(file_.get()) != 0) {
            throw NotPossible(
                fmt::format("cannot write {}: {}", path_, echod::describe_errno(errno)));
        }
    }

private:
    std::string path_;
    std::unique_ptr<std::FILE, CloseFile> file_;
};

void write_result(const Options& options, const RunResult& result, const Verdict& verdict,
                  ResultFile& file) {
    if (options.format == Format::json) {
        file.write(json_report(options, &result, verdict));
    } else if (!options.quiet || !options.output.empty()) {
        file.write(text_report(options, result, verdict));
    }
    if (options.quiet) {
        say(text_troubles(result, verdict));
    }
}

int run_and_report(const Options& options) {
    ResultFile file(options.output);
    RunResult result;
    Verdict verdict;
    try {
        reserve_descriptors(options.connections);
        const std::vector<Target> targets = resolve_targets(options.targets);
        std::optional<Duration> interval = options.interval;
        if (!interval && ::isatty(STDERR_FILENO) == 1) {
            interval = std::chrono::seconds(1);
        }
        result = run(options, targets, options.quiet ? std::nullopt : interval,
                     [](const LiveInterval& live) { say(live_line(live)); });
        verdict = judge(options, result);
    } catch (const NotPossible& error) {
        if (options.format == Format::json) {
            file.write(json_report(options, nullptr, not_possible(error.what())));
        }
        throw;
    }
    write_result(options, result, verdict, file);
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
    ResultFile(options.output).write(merged.text);
    return merged.exit_code;
}

int compare(int argc, const char* const* argv) {
    const auto parsed = parse_compare(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return tell(*none);
    }
    const Compared compared = compare_results(std::get<CompareOptions>(parsed));
    ResultFile("").write(compared.text);
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
