// SPDX-License-Identifier: MIT
#include "exporter/options.hpp"

#include "base/suggestion.hpp"
#include "net/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace echod {

namespace {

constexpr std::string_view kListen = "--listen";
constexpr std::string_view kDirectory = "--directory";
constexpr std::string_view kInstance = "--instance";

[[noreturn]] void fail_usage(const std::string& text) {
    throw ExporterUsageError(text);
}

void read_listen(std::string_view text, ExporterOptions& options) {
    const auto address = parse_listen_address(text, options.host);
    if (!address) {
        fail_usage(fmt::format("{}: must be ADDRESS:PORT, [ADDRESS]:PORT or PORT with a numeric "
                               "address and a port of 0 to 65535, is \"{}\"",
                               kListen, text));
    }
    options.host = address->host;
    options.port = address->port;
}

void read_instance(std::string_view text, ExporterOptions& options) {
    constexpr std::string_view kPrefix = "echod@";
    const bool is_instance = text.starts_with(kPrefix) && text.size() > kPrefix.size() &&
                             text.find_first_of("/\"\\\n") == std::string_view::npos;
    if (text != "echod" && !is_instance) {
        fail_usage(fmt::format("{}: must be echod or echod@NAME, is \"{}\"", kInstance, text));
    }
    options.expected.emplace_back(text);
}

void read_value(std::string_view name, std::string_view value, ExporterOptions& options) {
    if (value.empty()) {
        fail_usage(fmt::format("{}: its value must not be empty", name));
    }
    if (name == kListen) {
        read_listen(value, options);
    } else if (name == kInstance) {
        read_instance(value, options);
    } else {
        options.runtime = value;
    }
}

} // namespace

ExporterOptions parse_exporter_options(std::span<const char* const> arguments) {
    for (const char* argument : arguments) {
        const std::string_view text = argument;
        if (text == "--help" || text == "-h" || text == "--version") {
            ExporterOptions only;
            only.action = text == "--version" ? ExporterOptions::Action::version
                                              : ExporterOptions::Action::help;
            return only;
        }
    }
    ExporterOptions options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        const std::size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        if (name != kListen && name != kDirectory && name != kInstance) {
            fail_usage(fmt::format(
                "unknown argument: {}{}", argument,
                suggestion(std::string(name), {std::string(kListen), std::string(kDirectory),
                                               std::string(kInstance)})));
        }
        if (equals != std::string_view::npos) {
            read_value(name, argument.substr(equals + 1), options);
        } else if (i + 1 < arguments.size()) {
            read_value(name, arguments[++i], options);
        } else {
            fail_usage(fmt::format("{}: its value is missing", name));
        }
    }
    return options;
}

std::string exporter_help() {
    return "echod-exporter: the metrics of all echod instances of this machine, for Prometheus\n"
           "Usage: echod-exporter [OPTIONS]\n"
           "\n"
           "Options:\n"
           "  -h,--help           Print this help and exit\n"
           "  --version           Print the version and exit\n"
           "  --listen ADDR:PORT  Serve http://ADDR:PORT/metrics [127.0.0.1:9807]\n"
           "  --instance NAME     Report the instance NAME, echod or echod@N, as down if it is "
           "not\n"
           "                      found; can be given more than once\n"
           "  --directory DIR     Find the instances in DIR/echod and DIR/echod-N [/run]\n"
           "\n"
           "Exit status: 0 stopped on request; 1 failure; 2 wrong usage.\n"
           "See echod-exporter(8).\n";
}

} // namespace echod
