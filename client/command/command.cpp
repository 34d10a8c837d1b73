// SPDX-License-Identifier: MIT
#include "client/command/command.hpp"

#include "base/suggestion.hpp"
#include "client/command/capacity_commands.hpp"
#include "client/command/load_command.hpp"
#include "client/command/repeat_command.hpp"
#include "client/command/write_each.hpp"
#include "client/compare/compare.hpp"
#include "client/compare/merge.hpp"
#include "client/compare/show.hpp"
#include "client/options/parse.hpp"
#include "client/report/nagios.hpp"
#include "client/report/output_file.hpp"
#include "client/result/bad_result.hpp"
#include "client/run/resolve.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace echoload {

namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;
constexpr int kSignalled = 128;

// Whether the state of a monitoring plugin is expected, also where the command line is wrong.
bool is_plugin(int argc, const char* const* argv) {
    const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (word == "--format=nagios" ||
            (word == "nagios" && std::string_view(words[i - 1]) == "--format")) {
            return true;
        }
    }
    return false;
}

int write_unknown(std::string_view why, Interruptions& interruptions) {
    OutputFile("", interruptions).write(plugin_line(why));
    return static_cast<int>(PluginState::unknown);
}

// Help, the version or a usage error.
int write_no_run(const NoRun& none, Interruptions& interruptions) {
    write_standard_error(none.err, interruptions);
    if (!none.out.empty()) {
        OutputFile("", interruptions).write(none.out);
    }
    return none.exit_code;
}

int merge(int argc, const char* const* argv, Interruptions& interruptions) {
    const auto parsed = parse_merge(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return write_no_run(*none, interruptions);
    }
    const auto& options = std::get<MergeOptions>(parsed);
    const CommandOutput merged = merge_results(options); // first: -o may name one of them
    write_standard_error(merged.notes, interruptions);
    OutputFile(options.output, interruptions).write(merged.text);
    return merged.exit_code;
}

int compare(int argc, const char* const* argv, Interruptions& interruptions) {
    const auto parsed = parse_compare(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return write_no_run(*none, interruptions);
    }
    const CommandOutput compared = compare_results(std::get<CompareOptions>(parsed));
    OutputFile("", interruptions).write(compared.text);
    return compared.exit_code;
}

int repeat(int argc, const char* const* argv, Interruptions& interruptions) {
    const auto parsed = parse_repeat(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return write_no_run(*none, interruptions);
    }
    return repeat_and_report(std::get<RepeatOptions>(parsed), interruptions);
}

int search(int argc, const char* const* argv, Interruptions& interruptions) {
    const auto parsed = parse_search(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return write_no_run(*none, interruptions);
    }
    return search_and_report(std::get<SearchOptions>(parsed), interruptions);
}

int sweep(int argc, const char* const* argv, Interruptions& interruptions) {
    const auto parsed = parse_sweep(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return write_no_run(*none, interruptions);
    }
    return sweep_and_report(std::get<SweepOptions>(parsed), interruptions);
}

int show(int argc, const char* const* argv, Interruptions& interruptions) {
    const auto parsed = parse_show(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        return write_no_run(*none, interruptions);
    }
    const auto& options = std::get<ShowOptions>(parsed);
    const ShownResult shown = show_results(options); // first: -o may name one of them
    const auto write_if_named = [&interruptions](const std::string& path, std::string_view text) {
        if (!path.empty()) {
            OutputFile(path, interruptions).write(text);
        }
    };
    Verdict verdict;
    write_each(verdict, interruptions,
               {[&] { write_if_named(options.hdr, shown.hdr); },
                [&] { write_if_named(options.report, shown.page); },
                [&] { OutputFile(options.output, interruptions).write(shown.result); }});
    return verdict.exit_code;
}

int load(int argc, const char* const* argv, Interruptions& interruptions) {
    const auto parsed = parse_options(argc, argv);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        const bool plugin = none->exit_code != 0 && is_plugin(argc, argv);
        return plugin ? write_unknown(none->err.substr(0, none->err.find('\n')), interruptions)
                      : write_no_run(*none, interruptions);
    }
    return run_and_report(std::get<Options>(parsed), interruptions);
}

int dispatch(int argc, const char* const* argv, Interruptions& interruptions) {
    // No target has such a name: a target has a colon.
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "merge") {
        return merge(argc - 1, argv + 1, interruptions);
    }
    if (command == "compare") {
        return compare(argc - 1, argv + 1, interruptions);
    }
    if (command == "repeat") {
        return repeat(argc - 1, argv + 1, interruptions);
    }
    if (command == "search") {
        return search(argc - 1, argv + 1, interruptions);
    }
    if (command == "sweep") {
        return sweep(argc - 1, argv + 1, interruptions);
    }
    if (command == "show") {
        return show(argc - 1, argv + 1, interruptions);
    }
    if (command.find(':') == std::string_view::npos && command.substr(0, 1) != "-") {
        const std::string like = echod::suggestion(
            std::string(command), {"merge", "compare", "show", "repeat", "search", "sweep"});
        if (!command.empty() && !like.empty()) {
            write_standard_error(fmt::format("echoload: '{}' is no command and no target{} (see "
                                             "echoload --help)\n",
                                             command, like),
                                 interruptions);
            return kUsageError;
        }
    }
    return load(argc, argv, interruptions);
}

// An error is reported.
int dispatch_or_report(int argc, const char* const* argv, Interruptions& interruptions) try {
    return dispatch(argc, argv, interruptions);
} catch (const BadResult& error) {
    write_standard_error(fmt::format("echoload: {}\n", error.what()), interruptions);
    return kUsageError;
} catch (const BadTarget& error) {
    if (is_plugin(argc, argv)) {
        return write_unknown(error.what(), interruptions);
    }
    write_standard_error(fmt::format("echoload: {} (see echoload --help)\n", error.what()),
                         interruptions);
    return kUsageError;
} catch (const std::exception& error) {
    if (is_plugin(argc, argv)) {
        return write_unknown(error.what(), interruptions);
    }
    write_standard_error(fmt::format("echoload: {}\n", error.what()), interruptions);
    return kFailed;
}

} // namespace

int run_command(int argc, const char* const* argv) {
    Interruptions interruptions;
    try {
        return dispatch_or_report(argc, argv, interruptions);
    } catch (const Interrupted& interrupted) {
        if (is_plugin(argc, argv)) {
            return static_cast<int>(PluginState::unknown);
        }
        return kSignalled + interrupted.signal;
    } catch (const std::exception&) {
        return kFailed; // standard error is full, and there is no descriptor for signals
    }
}

} // namespace echoload
