// SPDX-License-Identifier: MIT
// The options of a command line. CLI11 splits argv; the layout of help, the order of the checks and
// the messages are made here, because they differ between the versions of CLI11.
#pragma once

#include "base/clock.hpp"
#include "base/enum_names.hpp"
#include "client/options/no_run.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

using echod::Duration;

/// Parses a number with k, M or an exponent (1e5) from `low` to `high`. Throws
/// std::invalid_argument with that range.
[[nodiscard]] std::uint64_t count_in(const std::string& text, std::uint64_t low,
                                     std::uint64_t high);

/// Parses a duration with its unit from `low` to `high`. Throws std::invalid_argument with that
/// range.
[[nodiscard]] Duration duration_in(const std::string& text, Duration low, Duration high);

/// Parses the name of an enum's value. Throws std::invalid_argument with all names.
template <class Enum>
[[nodiscard]] Enum choice_in(std::string_view text) {
    if (const auto value = echod::enum_value<Enum>(text)) {
        return *value;
    }
    throw std::invalid_argument(
        fmt::format("must be {}, is '{}'", echod::enum_choices<Enum>(), text));
}

/// Options are declared in the order of the help, which is also the order in which their values are
/// parsed. `names` is "-c,--connections"; `type` is the placeholder of the value in the help.
class OptionReader {
public:
    /// Parses one value. Throws std::invalid_argument; the option's names are put before its text.
    using Read = std::function<void(const std::string& text)>;

    /// `program` is the command to run for help: "echoload merge".
    OptionReader(std::string program, std::string description);
    ~OptionReader();
    OptionReader(const OptionReader&) = delete;
    OptionReader& operator=(const OptionReader&) = delete;

    /// The text behind the options in the help.
    void set_footer(std::string text);

    /// Adds --version, which prints `text`.
    void set_version(std::string text);

    /// Starts a group of options with a title of its own in the help.
    void begin_group(std::string title);

    /// An option with one value.
    void add(const std::string& names, std::string help, std::string type, Read read);

    /// An option with values separated by commas, which may be given more than once.
    void add_list(const std::string& names, std::string help, std::string type, Read read);

    /// An option whose value is a name of an enum.
    template <class Enum>
    void add_choice(const std::string& names, std::string help, std::string type, Enum& value) {
        add(names, std::move(help), std::move(type),
            [&value](const std::string& text) { value = choice_in<Enum>(text); });
    }

    /// An option whose value is stored as it is.
    void add_text(const std::string& names, std::string help, std::string type, std::string& value);

    void add_flag(const std::string& names, std::string help, bool& value);

    /// A required argument without a name, and a list of one or more of them.
    void add_operand(const std::string& name, std::string help, std::string& value);
    void add_operands(const std::string& name, std::string help, std::vector<std::string>& values);

    /// Relations between two options that are declared: both at once are refused; `name` alone,
    /// without `other`, is refused.
    void exclude(const std::string& name, const std::string& other);
    void need(const std::string& name, const std::string& other);

    /// The same without either of two others.
    void need(const std::string& name, const std::string& other, const std::string& alternative);

    /// An option of the groups above that this command does not have: the help leaves it out, and
    /// `why` is the error.
    void refuse(const std::string& name, std::string why);

    /// Parses argv. Returns the text to print if no run follows: help, the version or wrong usage.
    /// `check` compares values of several options and throws std::invalid_argument. The first error
    /// is reported: one in the form of the command line, then in a value, in a relation, a missing
    /// operand, and what `check` finds.
    [[nodiscard]] std::optional<NoRun> read(int argc, const char* const* argv,
                                            const std::function<void()>& check = {});

private:
    struct Parser;
    const std::unique_ptr<Parser> parser_;
};

} // namespace echoload
