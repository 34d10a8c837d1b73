// SPDX-License-Identifier: MIT
// How the parts of the command line are read: one clear message for each value that is wrong.
#pragma once

#include "base/clock.hpp"
#include "client/options.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace echoload {

/// A number with k or M from `low` to `high`. Throws std::invalid_argument that says so.
[[nodiscard]] std::uint64_t count_in(const std::string& text, std::uint64_t low,
                                     std::uint64_t high);

/// A duration with its unit from `low` to `high`. Throws std::invalid_argument that says so.
[[nodiscard]] Duration duration_in(const std::string& text, Duration low, Duration high);

/// The options of one command line, and what reads the text of each. A reader throws
/// std::invalid_argument; its message is led by the option's names.
class OptionReader {
public:
    using Read = std::function<void(const std::string& text)>;

    OptionReader(const std::string& description, const std::string& name);
    ~OptionReader();
    OptionReader(const OptionReader&) = delete;
    OptionReader& operator=(const OptionReader&) = delete;

    /// Help in lines of at most 100 columns, with types alone beside the names.
    void fit_help();

    void set_footer(const std::string& text);
    void set_version(const std::string& text);

    /// Options that are added from now on stand under that title.
    void begin_group(const std::string& title);

    /// An option that takes one text.
    void add(const std::string& names, const std::string& help, const std::string& type, Read read);

    /// An option that takes several texts, by commas or by being there more than once.
    void add_list(const std::string& names, const std::string& help, const std::string& type,
                  Read read);

    /// An option that takes one word of a few, each of which stands for a value.
    template <class Value>
    void add_choice(const std::string& names, const std::string& help, const std::string& type,
                    Value& value, const std::vector<std::pair<std::string, Value>>& choices);

    /// An option that is kept as it is.
    void add_text(const std::string& names, const std::string& help, const std::string& type,
                  std::string& value);

    void add_flag(const std::string& names, const std::string& help, bool& value);

    /// What has to be there without a name before it: once, or once and more.
    void add_operand(const std::string& name, const std::string& help, std::string& value);
    void add_operands(const std::string& name, const std::string& help,
                      std::vector<std::string>& values);

    /// How two options that were added before go together.
    void exclude(const std::string& name, const std::string& other);
    void need(const std::string& name, const std::string& other);

    /// Parses argv. What to say where no run follows from it: --help, --version, wrong usage.
    /// `check` looks at what one option cannot know of another and throws std::invalid_argument.
    [[nodiscard]] std::optional<NoRun> read(int argc, const char* const* argv,
                                            const std::function<void()>& check = {});

private:
    struct Parser;
    const std::unique_ptr<Parser> parser_;
};

template <class Value>
void OptionReader::add_choice(const std::string& names, const std::string& help,
                              const std::string& type, Value& value,
                              const std::vector<std::pair<std::string, Value>>& choices) {
    add(names, help, type, [&value, choices](const std::string& text) {
        std::string all;
        for (std::size_t i = 0; i < choices.size(); ++i) {
            if (choices[i].first == text) {
                value = choices[i].second;
                return;
            }
            all += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i].first;
        }
        throw std::invalid_argument(fmt::format("must be {}, is '{}'", all, text));
    });
}

/// What is sent, to whom, how much and when.
void add_load_options(OptionReader& reader, Options& options);

/// The loops: how many, and for the open loop how many messages a second, which follow how.
void add_pace_options(OptionReader& reader, Options& options);

/// How connections end, and what comes in their place.
void add_ending_options(OptionReader& reader, Options& options);

/// Throws std::invalid_argument where these options do not go together.
void check_pace(const Options& options);

/// How it is told.
void add_report_options(OptionReader& reader, Options& options);

/// How echoes are verified and how messages are cut into send calls.
void add_verify_options(OptionReader& reader, Options& options);

/// Throws std::invalid_argument where those options do not go together.
void check_verify_options(const Options& options);

/// Cohorts that misbehave, and what the server is to do with them.
void add_abuse_options(OptionReader& reader, Options& options);

/// Throws std::invalid_argument where something is expected of a cohort that is not there.
void check_abuse_options(const Options& options);

} // namespace echoload
