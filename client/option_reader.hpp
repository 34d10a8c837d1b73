// SPDX-License-Identifier: MIT
// How the parts of the command line are read: one clear message for each value that is wrong.
#pragma once

#include "base/clock.hpp"
#include "client/options.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace echoload {

/// A number with k or M from `low` to `high`. Throws CLI::ValidationError that says so.
[[nodiscard]] std::uint64_t count_in(const std::string& text, std::uint64_t low,
                                     std::uint64_t high);

/// A duration with its unit from `low` to `high`. Throws CLI::ValidationError that says so.
[[nodiscard]] Duration duration_in(const std::string& text, Duration low, Duration high);

/// What `read` returns. Where it throws, the message is led by the option's names, so that it says
/// which one was wrong.
template <class Read>
auto read_named(const std::string& names, Read read) {
    try {
        return read();
    } catch (const CLI::ValidationError& error) {
        throw CLI::ValidationError(fmt::format("{}: {}", names, error.what()));
    } catch (const std::invalid_argument& error) {
        throw CLI::ValidationError(fmt::format("{}: {}", names, error.what()));
    }
}

/// An option whose text `read` turns into a value or throws.
template <class Read>
CLI::Option* add(CLI::App& app, const std::string& names, const std::string& help,
                 const std::string& type, Read read) {
    const auto guarded = [names, read](const std::string& text) {
        read_named(names, [&] { read(text); });
    };
    return app.add_option_function<std::string>(names, guarded, help)->type_name(type);
}

/// An option that takes one word of a few, each of which stands for a value.
template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& name, const std::string& help,
                        const std::string& type, Value& value,
                        const std::vector<std::pair<std::string, Value>>& choices) {
    return add(app, name, help, type, [&value, choices](const std::string& text) {
        std::string all;
        for (std::size_t i = 0; i < choices.size(); ++i) {
            if (choices[i].first == text) {
                value = choices[i].second;
                return;
            }
            all += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i].first;
        }
        throw CLI::ValidationError(fmt::format("must be {}, is '{}'", all, text));
    });
}

/// Parses argv. What to say where no run follows from it: --help, --version, wrong usage. `check`
/// looks at what one option cannot know of another and throws CLI::ValidationError.
[[nodiscard]] std::optional<NoRun> read_command_line(CLI::App& app, int argc,
                                                     const char* const* argv,
                                                     const std::function<void()>& check = {});

/// What is sent, to whom, how much and when.
void add_load_options(CLI::App& app, Options& options);

/// The loops: how many, and for the open loop how many messages a second, which follow how.
void add_pace_options(CLI::App& app, Options& options);

/// How connections end, and what comes in their place.
void add_ending_options(CLI::App& app, Options& options);

/// Throws CLI::ValidationError where these options do not go together.
void check_pace(const Options& options);

/// How it is told.
void add_report_options(CLI::App& app, Options& options);

/// How echoes are verified and how messages are cut into send calls.
void add_verify_options(CLI::App& app, Options& options);

/// Throws CLI::ValidationError where those options do not go together.
void check_verify_options(const Options& options);

/// Cohorts that misbehave, and what the server is to do with them.
void add_abuse_options(CLI::App& app, Options& options);

/// Throws CLI::ValidationError where something is expected of a cohort that is not there.
void check_abuse_options(const Options& options);

} // namespace echoload
