// SPDX-License-Identifier: MIT
//
// Eleven options need no library: what --help looks like, and which error is reported first, then
// do not depend on the library's version.
#include "server/start/command_line.hpp"

#include "base/suggestion.hpp"
#include "server/config/config.hpp"
#include "server/control/control_socket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echod {

namespace {

struct Option {
    std::string_view name;
    std::string_view value; ///< what stands for its value in the help; empty for a flag
    std::string_view help;  ///< one line or two
    Action action = Action::serve;
};

constexpr std::string_view kHelp = "--help";
constexpr std::string_view kConfig = "--config";
constexpr std::string_view kControl = "--control";
constexpr std::string_view kStats = "--stats";
constexpr std::string_view kWatch = "--watch";
constexpr std::array<std::string_view, 3> kFormats = {"json", "openmetrics", "prometheus"};

constexpr std::array kGeneral = {
    Option{kHelp, "", "Print this help and exit", Action::help},
    Option{"--version", "", "Print the version and exit", Action::version},
    Option{kConfig, "FILE", "Read the configuration from FILE"},
    Option{"--check-config", "", "Check the configuration and exit with 0, or 78 if it is invalid",
           Action::check_config},
    Option{"--print-config", "", "Print the configuration with every key, as TOML, and exit",
           Action::print_config},
    Option{kControl, "SOCKET", "Use the control socket SOCKET"},
};
constexpr std::array kRequests = {
    Option{"--reload", "",
           "Reload the configuration; exit with 0 once the new one is in force,\n"
           "with 1 if it was refused",
           Action::request},
    Option{"--status", "", "Print the state as text, without --control that of all instances",
           Action::request},
    Option{kWatch, "", "With --status: print it again every second, until a signal"},
    Option{kStats, "FORMAT", "Print the state as FORMAT: json, openmetrics or prometheus",
           Action::request},
};

const Option* find_option(std::string_view name) {
    if (name == "-h") {
        name = kHelp;
    }
    const auto has_name = [name](const Option& option) { return option.name == name; };
    if (const auto* found = std::find_if(kGeneral.begin(), kGeneral.end(), has_name);
        found != kGeneral.end()) {
        return found;
    }
    const auto* found = std::find_if(kRequests.begin(), kRequests.end(), has_name);
    return found != kRequests.end() ? found : nullptr;
}

// "; did you mean --reload?", or nothing where no option is like it.
std::string option_like(std::string_view argument) {
    if (argument.substr(0, 2) != "--") {
        return "";
    }
    std::vector<std::string> names;
    names.reserve(kGeneral.size() + kRequests.size());
    for (const Option& option : kGeneral) {
        names.emplace_back(option.name);
    }
    for (const Option& option : kRequests) {
        names.emplace_back(option.name);
    }
    return suggestion(std::string(argument.substr(0, argument.find('='))), names);
}

class Parser {
public:
    explicit Parser(std::span<const char* const> arguments) : left_(arguments) {}

    CommandLine parse() {
        while (!left_.empty()) {
            const std::string_view argument = take();
            if (argument == "--") { // the end of the options
                if (!left_.empty()) {
                    fail_unknown(take());
                }
                break;
            }
            take_option(argument);
        }
        if (result_.watch && result_.request != "status") {
            fail(fmt::format("{}: can be given only with --status", kWatch));
        }
        if (!error_.empty() && result_.action != Action::help &&
            result_.action != Action::version) {
            throw UsageError(error_);
        }
        return result_;
    }

private:
    std::string_view take() {
        const std::string_view argument = left_.front();
        left_ = left_.subspan(1);
        return argument;
    }

    void take_option(std::string_view argument) {
        const std::size_t equals = argument.find('='); // --config=FILE
        const bool has_value = equals != std::string_view::npos;
        const Option* option = find_option(argument.substr(0, equals));
        if (option == nullptr) {
            fail_unknown(argument);
        } else if (option->value.empty()) {
            take_flag(*option, has_value);
        } else if (has_value) {
            take_value(*option, argument.substr(equals + 1));
        } else if (left_.empty()) {
            fail(fmt::format("{}: {} is missing", option->name, option->value));
        } else {
            take_value(*option, take());
        }
    }

    void fail_unknown(std::string_view argument) {
        fail(fmt::format("unknown argument: {}{}", argument, option_like(argument)));
    }

    // The first error is reported.
    void fail(std::string text) {
        if (error_.empty()) {
            error_ = std::move(text);
        }
    }

    void take_flag(const Option& option, bool has_value) {
        if (has_value) {
            fail(fmt::format("{}: takes no value", option.name));
            return;
        }
        if (option.name == kWatch) {
            result_.watch = true;
            return;
        }
        set_action(option);
        if (option.action == Action::request) {
            result_.request = option.name.substr(2);
        }
    }

    void take_value(const Option& option, std::string_view value) {
        if (option.name == kStats) {
            if (std::find(kFormats.begin(), kFormats.end(), value) == kFormats.end()) {
                fail(fmt::format("{}: must be json, openmetrics or prometheus, is \"{}\"",
                                 option.name, value));
            }
            set_action(option, true);
            result_.request = fmt::format("stats {}", value);
            return;
        }
        std::optional<std::string>& path =
            option.name == kConfig ? result_.config_path : result_.control_path;
        if (value.empty()) { // --config "$FILE" with FILE unset must not mean the default
            fail(fmt::format("{}: {} must not be empty", option.name, option.value));
        } else if (path) {
            fail(fmt::format("{}: is given twice", option.name));
        }
        path = value;
    }

    // --help wins, then --version; the others exclude each other.
    void set_action(const Option& option, bool once = false) {
        const bool prints = option.action == Action::help || option.action == Action::version;
        if (result_.action == Action::help || (result_.action == Action::version && !prints)) {
            return;
        }
        if (!prints && !chosen_.empty() && (chosen_ != option.name || once)) {
            fail(chosen_ == option.name
                     ? fmt::format("{}: is given twice", option.name)
                     : fmt::format("{} and {} exclude each other", chosen_, option.name));
        }
        result_.action = option.action;
        chosen_ = option.name;
    }

    std::span<const char* const> left_;
    CommandLine result_;
    std::string_view chosen_; ///< the option that set the action
    std::string error_;
};

std::string default_of(const Option& option) {
    if (option.name == kConfig) {
        return fmt::format(" [{}]", kDefaultConfigPath);
    }
    return option.name == kControl ? fmt::format(" [{}]", kDefaultControlPath) : "";
}

void append_options(std::string& text, std::span<const Option> options) {
    constexpr std::size_t kColumn = 20;
    for (const Option& option : options) {
        std::string names = option.name == kHelp ? "-h,--help" : std::string(option.name);
        if (!option.value.empty()) {
            names += fmt::format(" {}", option.value);
        }
        const std::string_view help = option.help;
        const std::size_t end = help.find('\n');
        text += fmt::format("  {:<{}}{}{}\n", names, kColumn - 2, help.substr(0, end),
                            default_of(option));
        if (end != std::string_view::npos) {
            text += fmt::format("{:{}}{}\n", "", kColumn, help.substr(end + 1));
        }
    }
}

} // namespace

CommandLine parse_command_line(std::span<const char* const> arguments) {
    return Parser(arguments).parse();
}

std::string help_text() {
    std::string text = "echod: a TCP echo daemon for framed messages\n"
                       "Usage: echod [OPTIONS]\n"
                       "\n"
                       "Options:\n";
    append_options(text, kGeneral);
    text += "\nRequests to the running daemon (one of these):\n";
    append_options(text, kRequests);
    text += "\n"
            "Exit status: 0 stopped on request, or answered; 1 failure; 2 wrong usage;\n"
            "75 a new process follows; 78 invalid configuration.\n"
            "Signals: SIGTERM and SIGINT drain and stop (a second one: at once), SIGHUP reloads,\n"
            "SIGUSR1 logs a line of statistics, SIGUSR2 hands the connections over to the new\n"
            "process of a restart and exits. See echod(8), echod.toml(5).\n";
    return text;
}

} // namespace echod
