// SPDX-License-Identifier: MIT
#include "client/options/reader.hpp"

#include "base/suggestion.hpp"
#include "base/units.hpp"

// Only this file of the client includes CLI11: it takes seconds to compile.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <utility>

namespace echoload {

namespace {

constexpr int kWrongUsage = 2;

// Help has the names of an option in the first column and wraps its description at 100.
constexpr std::size_t kColumn = 28;
constexpr std::size_t kWidth = 100 - kColumn;

// Messages of CLI11 may contain line breaks.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

// One entry of the help: "  -c,--connections N        Number of ...".
std::string help_entry(const std::string& head, const std::string& help) {
    std::string text = "  " + head;
    text += text.size() < kColumn ? std::string(kColumn - text.size(), ' ')
                                  : '\n' + std::string(kColumn, ' ');
    std::string_view rest = help;
    while (rest.size() > kWidth) {
        const std::size_t space = rest.rfind(' ', kWidth);
        if (space == std::string_view::npos) {
            break; // a single word that is longer than the line
        }
        text.append(rest.substr(0, space)).append("\n").append(kColumn, ' ');
        rest.remove_prefix(space + 1);
    }
    return text.append(rest) + '\n';
}

// "1e5", "2.5e3": a whole number with an exponent.
std::optional<std::uint64_t> count_with_exponent(const std::string& text) {
    constexpr double kExact = 1ULL << 53U; // up to here a double holds every whole number
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] =
        std::from_chars(text.data(), end, value, std::chars_format::scientific);
    if (error != std::errc() || rest != end || std::signbit(value) || value > kExact ||
        value != std::floor(value)) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(value);
}

} // namespace

std::uint64_t count_in(const std::string& text, std::uint64_t low, std::uint64_t high) {
    auto value = echod::parse_count(text);
    if (!value) {
        value = count_with_exponent(text);
    }
    if (!value || *value < low || *value > high) {
        throw std::invalid_argument(fmt::format("must be {} to {}, is '{}'", low, high, text));
    }
    return *value;
}

Duration duration_in(const std::string& text, Duration low, Duration high) {
    const auto value = echod::parse_duration(text);
    if (!value) {
        throw std::invalid_argument(
            fmt::format("must be a number with ns, us, ms, s, m or h, is '{}'", text));
    }
    if (*value < low || *value > high) {
        throw std::invalid_argument(fmt::format("must be {} to {}, is '{}'",
                                                echod::format_duration(low),
                                                echod::format_duration(high), text));
    }
    return *value;
}

struct OptionReader::Parser {
    struct Option {
        std::string names;
        std::string head; // names and placeholder, as in the help
        std::string help;
        std::string group;
        Read read;                      // empty for a flag
        std::string refusal;            // empty where the command has the option
        std::vector<std::string> texts; // the values of this command line
    };
    struct Operand {
        std::string name;
        std::string help;
        bool repeats = false;
        const CLI::Option* given = nullptr;
    };
    struct Relation {
        std::string name;
        std::string other;
        bool excludes = false;
        std::string alternative{}; // to `other`, or empty
    };

    Parser(std::string name, std::string text)
        : program(std::move(name)), description(std::move(text)) {
        app.set_help_flag(); // help and version are flags like any other
        app.allow_extras();
    }

    Option& add(const std::string& names, std::string help, const std::string& type) {
        options.push_back(
            {names, type.empty() ? names : names + ' ' + type, std::move(help), group, {}, {}, {}});
        return options.back();
    }

    [[nodiscard]] std::string help() const;
    [[nodiscard]] std::string option_like(const std::string& argument) const;
    void check_form(int argc, const char* const* argv);
    void read_values() const;
    void check_relations() const;

    CLI::App app;
    std::string program;
    std::string description;
    std::string footer;
    std::string version;
    std::string group = "Options";
    std::deque<Option> options; // CLI11 refers to them: their addresses must not change
    std::vector<Operand> operands;
    std::vector<Relation> relations;
    bool wants_help = false;
    bool wants_version = false;
};

std::string OptionReader::Parser::help() const {
    std::string text = fmt::format("{}\nUsage: {} [OPTIONS]", description, program);
    for (const Operand& operand : operands) {
        text += ' ' + operand.name + (operand.repeats ? "..." : "");
    }
    text += "\n\nArguments:\n";
    for (const Operand& operand : operands) {
        text += help_entry(operand.name, operand.help);
    }
    std::string_view title;
    for (const Option& option : options) {
        if (!option.refusal.empty()) {
            continue;
        }
        if (option.group != title) {
            title = option.group;
            text.append("\n").append(title).append(":\n");
        }
        text += help_entry(option.head, option.help);
    }
    return text + footer;
}

// "; did you mean --rate?", or nothing where no option is like it.
std::string OptionReader::Parser::option_like(const std::string& argument) const {
    if (argument.compare(0, 2, "--") != 0) {
        return "";
    }
    std::vector<std::string> names;
    names.reserve(options.size());
    for (const Option& option : options) {
        if (option.refusal.empty()) {
            names.push_back(option.names.substr(option.names.find("--")));
        }
    }
    return echod::suggestion(argument.substr(0, argument.find('=')), names);
}

void OptionReader::Parser::check_form(int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        throw std::invalid_argument(error.what());
    }
}

void OptionReader::Parser::read_values() const {
    const std::vector<std::string> unknown = app.remaining();
    if (!unknown.empty()) {
        throw std::invalid_argument(fmt::format("unexpected argument '{}'{}", unknown.front(),
                                                option_like(unknown.front())));
    }
    for (const Option& option : options) {
        if (!option.refusal.empty() && !option.texts.empty()) {
            throw std::invalid_argument(option.refusal);
        }
        for (const std::string& text : option.texts) {
            try {
                option.read(text);
            } catch (const std::invalid_argument& error) {
                throw std::invalid_argument(fmt::format("{}: {}", option.names, error.what()));
            }
        }
    }
}

void OptionReader::Parser::check_relations() const {
    for (const Relation& relation : relations) {
        const std::string& alternative = relation.alternative;
        const bool other =
            app.count(relation.other) != 0 || (!alternative.empty() && app.count(alternative) != 0);
        if (app.count(relation.name) != 0 && other == relation.excludes) {
            throw std::invalid_argument(
                fmt::format("{} {} {}{}", relation.name, other ? "excludes" : "requires",
                            relation.other, alternative.empty() ? "" : " or " + alternative));
        }
    }
    for (const Operand& operand : operands) {
        if (operand.given->count() == 0) {
            throw std::invalid_argument(fmt::format("{} is required", operand.name));
        }
    }
}

OptionReader::OptionReader(std::string program, std::string description)
    : parser_(new Parser(std::move(program), std::move(description))) {
    add_flag("-h,--help", "Print this help", parser_->wants_help);
}

OptionReader::~OptionReader() = default;

void OptionReader::set_footer(std::string text) {
    parser_->footer = std::move(text);
}

void OptionReader::set_version(std::string text) {
    parser_->version = std::move(text);
    add_flag("--version", "Print the version", parser_->wants_version);
}

void OptionReader::begin_group(std::string title) {
    parser_->group = std::move(title);
}

void OptionReader::add(const std::string& names, std::string help, std::string type, Read read) {
    Parser::Option& option = parser_->add(names, std::move(help), type);
    option.read = std::move(read);
    const auto store = [&option](const std::string& text) { option.texts = {text}; };
    parser_->app.add_option_function<std::string>(names, store)->type_name(std::move(type));
}

void OptionReader::add_list(const std::string& names, std::string help, std::string type,
                            Read read) {
    Parser::Option& option = parser_->add(names, std::move(help), type);
    option.read = std::move(read);
    const auto store = [&option](const std::vector<std::string>& texts) { option.texts = texts; };
    parser_->app.add_option_function<std::vector<std::string>>(names, store)
        ->type_name(std::move(type))
        ->delimiter(',')
        ->allow_extra_args(false);
}

void OptionReader::add_text(const std::string& names, std::string help, std::string type,
                            std::string& value) {
    add(names, std::move(help), std::move(type),
        [&value](const std::string& text) { value = text; });
}

void OptionReader::add_flag(const std::string& names, std::string help, bool& value) {
    parser_->add(names, std::move(help), "");
    parser_->app.add_flag(names, value);
}

void OptionReader::add_operand(const std::string& name, std::string help, std::string& value) {
    parser_->operands.push_back(
        {name, std::move(help), false, parser_->app.add_option(name, value)});
}

void OptionReader::add_operands(const std::string& name, std::string help,
                                std::vector<std::string>& values) {
    parser_->operands.push_back(
        {name, std::move(help), true, parser_->app.add_option(name, values)});
}

void OptionReader::exclude(const std::string& name, const std::string& other) {
    parser_->relations.push_back({name, other, true});
}

void OptionReader::need(const std::string& name, const std::string& other) {
    parser_->relations.push_back({name, other, false});
}

void OptionReader::need(const std::string& name, const std::string& other,
                        const std::string& alternative) {
    parser_->relations.push_back({name, other, false, alternative});
}

void OptionReader::refuse(const std::string& name, std::string why) {
    for (Parser::Option& option : parser_->options) {
        if (option.names == name || option.names.ends_with(',' + name)) {
            option.refusal = std::move(why);
            return;
        }
    }
}

std::optional<NoRun> OptionReader::read(int argc, const char* const* argv,
                                        const std::function<void()>& check) {
    try {
        parser_->check_form(argc, argv);
        if (parser_->wants_help) {
            return NoRun{0, parser_->help(), ""};
        }
        if (parser_->wants_version) {
            return NoRun{0, parser_->version + '\n', ""};
        }
        parser_->read_values();
        parser_->check_relations();
        if (check) {
            check();
        }
    } catch (const std::invalid_argument& error) {
        return NoRun{kWrongUsage, "",
                     fmt::format("echoload: {} (see {} --help)\n", one_line(error.what()),
                                 parser_->program)};
    }
    return std::nullopt;
}

} // namespace echoload
