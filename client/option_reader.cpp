// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

#include "base/units.hpp"

// The only file of the client that includes it: each one that does takes seconds to compile.
#include <CLI/CLI.hpp>

namespace echoload {

namespace {

constexpr int kUsageError = 2;

// CLI11 says "--seed: --seed: ..." in places and may add line breaks; one line is what is wanted.
std::string one_line(std::string text) {
    for (char& c : text) {
        c = c == '\n' ? ' ' : c;
    }
    return text;
}

// Descriptions in lines of at most 100 columns, and no word on what excludes what beside the name:
// where it matters the description says it, and the error does.
class HelpFormatter : public CLI::Formatter {
public:
    HelpFormatter() { column_width(kColumn); }

private:
    static constexpr std::size_t kColumn = 28;
    static constexpr std::size_t kWidth = 100 - kColumn;

    std::string make_option_opts(const CLI::Option* option) const override {
        const std::string type = option->get_type_name();
        return type.empty() ? "" : " " + type;
    }

    std::string make_option_desc(const CLI::Option* option) const override {
        std::string text = option->get_description();
        std::size_t begin = 0;
        while (text.size() - begin > kWidth) {
            const std::size_t space = text.rfind(' ', begin + kWidth);
            if (space == std::string::npos || space <= begin) {
                break; // one word that is longer than that
            }
            text[space] = '\n';
            begin = space + 1;
        }
        return text;
    }
};

// The message of what `read` throws is led by the option's names, so that it says which one was
// wrong.
OptionReader::Read named(const std::string& names, OptionReader::Read read) {
    return [names, read = std::move(read)](const std::string& text) {
        try {
            read(text);
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument(fmt::format("{}: {}", names, error.what()));
        }
    };
}

} // namespace

std::uint64_t count_in(const std::string& text, std::uint64_t low, std::uint64_t high) {
    const auto value = echod::parse_count(text);
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
    CLI::App app;
};

OptionReader::OptionReader(const std::string& description, const std::string& name)
    : parser_(new Parser{CLI::App(description, name)}) {}

OptionReader::~OptionReader() = default;

void OptionReader::fit_help() {
    parser_->app.formatter(std::make_shared<HelpFormatter>());
}

void OptionReader::set_footer(const std::string& text) {
    parser_->app.footer(text);
}

void OptionReader::set_version(const std::string& text) {
    parser_->app.set_version_flag("--version", text);
}

void OptionReader::begin_group(const std::string& title) {
    parser_->app.option_defaults()->group(title);
}

void OptionReader::add(const std::string& names, const std::string& help, const std::string& type,
                       Read read) {
    const auto guarded = named(names, std::move(read));
    parser_->app.add_option_function<std::string>(names, guarded, help)->type_name(type);
}

void OptionReader::add_list(const std::string& names, const std::string& help,
                            const std::string& type, Read read) {
    const auto each = [read = named(names, std::move(read))](const std::vector<std::string>& all) {
        for (const std::string& text : all) {
            read(text);
        }
    };
    parser_->app.add_option_function<std::vector<std::string>>(names, each, help)
        ->type_name(type)
        ->option_text(type) // no "..." behind it
        ->delimiter(',')
        ->allow_extra_args(false);
}

void OptionReader::add_text(const std::string& names, const std::string& help,
                            const std::string& type, std::string& value) {
    parser_->app.add_option(names, value, help)->type_name(type);
}

void OptionReader::add_flag(const std::string& names, const std::string& help, bool& value) {
    parser_->app.add_flag(names, value, help);
}

void OptionReader::add_operand(const std::string& name, const std::string& help,
                               std::string& value) {
    parser_->app.add_option(name, value, help)->type_name("")->required();
}

void OptionReader::add_operands(const std::string& name, const std::string& help,
                                std::vector<std::string>& values) {
    parser_->app.add_option(name, values, help)->type_name("")->required();
}

void OptionReader::exclude(const std::string& name, const std::string& other) {
    parser_->app.get_option(name)->excludes(parser_->app.get_option(other));
}

void OptionReader::need(const std::string& name, const std::string& other) {
    parser_->app.get_option(name)->needs(parser_->app.get_option(other));
}

std::optional<NoRun> OptionReader::read(int argc, const char* const* argv,
                                        const std::function<void()>& check) {
    CLI::App& app = parser_->app;
    const auto refusal = [&app](const std::exception& error) {
        return NoRun{
            kUsageError, "",
            fmt::format("echoload: {} (see {} --help)\n", one_line(error.what()), app.get_name())};
    };
    try {
        app.parse(argc, argv);
        if (check) {
            check();
        }
    } catch (const CLI::CallForHelp&) {
        return NoRun{0, app.help(), ""};
    } catch (const CLI::CallForVersion& version) {
        return NoRun{0, std::string(version.what()) + "\n", ""};
    } catch (const CLI::ParseError& error) {
        return refusal(error);
    } catch (const std::invalid_argument& error) {
        return refusal(error);
    }
    return std::nullopt;
}

} // namespace echoload
