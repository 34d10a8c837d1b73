// SPDX-License-Identifier: MIT
#include "client/report/text_uses.hpp"

#include "base/sys_error.hpp"
#include "base/units.hpp"
#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

std::uint64_t count_at(const Json& json, const char* key) {
    return value_at<std::uint64_t>(json, key).value_or(0);
}

// Whether an attempt to connect failed, or a target has several addresses.
bool have_choice(const Json& uses) {
    return std::any_of(uses.begin(), uses.end(), [&uses](const Json& use) {
        return (use.contains("errors") && !use["errors"].empty()) ||
               std::any_of(uses.begin(), uses.end(), [&use](const Json& other) {
                   return value_at<std::string>(other, "target") ==
                              value_at<std::string>(use, "target") &&
                          value_at<std::string>(other, "address") !=
                              value_at<std::string>(use, "address");
               });
    });
}

// "1.23ms", or "-" where there is none.
std::string duration_at(const Json& json, const char* key) {
    const auto ns = value_at<std::int64_t>(json, key);
    return duration_or_dash(ns ? std::optional(echod::Duration(*ns)) : std::nullopt);
}

void write_target(Out out, const Json& use) {
    constexpr const char* kCounts[][2] = {{"failed", "failed"}, {"ended_early", "ended early"},
                                          {"sent", "sent"},     {"verified", "verified"},
                                          {"wrong", "wrong"},   {"timed_out", "timed out"},
                                          {"lost", "lost"}};
    fmt::format_to(out, "{}  up {}", value_at<std::string>(use, "target").value_or("-"),
                   group_digits(count_at(use, "up")));
    for (const auto& [key, name] : kCounts) {
        fmt::format_to(out, ", {} {}", name, group_digits(count_at(use, key)));
    }
    const Json latency = use.value("latency", Json::object());
    fmt::format_to(out, "; p50 {}, p99 {}, max {}\n", duration_at(latency, "p50_ns"),
                   duration_at(latency, "p99_ns"), duration_at(latency, "max_ns"));
    for (const Json& row : use.value("errors", Json::array())) {
        fmt::format_to(out, kLabel, "");
        fmt::format_to(out, "  {} {}  {}\n", value_at<std::string>(row, "phase").value_or("-"),
                       group_digits(count_at(row, "count")),
                       error_text(value_at<std::string>(row, "error").value_or("-")));
    }
}

} // namespace

std::string error_text(const std::string& name) {
    if (name == kEndOfFileName) {
        return name + " (closed by the server)";
    }
    const auto error = echod::errno_value(name);
    return error ? echod::describe_errno(*error) : name;
}

std::string targets_text(const Json& targets) {
    std::string text;
    const char* label = "targets";
    for (const Json& use : targets) {
        if (targets.size() > 1) {
            fmt::format_to(Out(text), kLabel, label);
            write_target(Out(text), use);
            label = "";
        }
    }
    return text;
}

std::string addresses_text(const Json& uses) {
    std::string text;
    if (!have_choice(uses)) {
        return text;
    }
    const Out out(text);
    const char* label = "addresses";
    for (const Json& use : uses) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{}  up {}, echoed {}",
                       value_at<std::string>(use, "address").value_or("-"),
                       group_digits(count_at(use, "up")), group_digits(count_at(use, "echoed")));
        const Json latency = use.value("latency", Json::object());
        if (count_at(latency, "count") != 0) {
            fmt::format_to(out, " (p50 {}, p99 {}, max {})", duration_at(latency, "p50_ns"),
                           duration_at(latency, "p99_ns"), duration_at(latency, "max_ns"));
        }
        if (count_at(use, "overtaken") != 0) {
            fmt::format_to(out, ", without an answer {}", group_digits(count_at(use, "overtaken")));
        }
        for (const Json& row : use.value("errors", Json::array())) {
            fmt::format_to(out, ", failed {} ({})", group_digits(count_at(row, "count")),
                           value_at<std::string>(row, "error").value_or("-"));
        }
        text += '\n';
        label = "";
    }
    return text;
}

std::string fairness_text(const Json& fairness) {
    std::string text;
    if (fairness.is_null()) {
        return text;
    }
    const Out out(text);
    fmt::format_to(out, kLabel, "fairness");
    fmt::format_to(out, "mean of the slowest tenth of the connections {}, of the fastest {}",
                   duration_at(fairness, "slowest_decile_ns"),
                   duration_at(fairness, "fastest_decile_ns"));
    if (const std::uint64_t count = count_at(fairness, "without_values"); count != 0) {
        fmt::format_to(out, "; without any echo {}", group_digits(count));
    }
    text += '\n';
    std::vector<std::string> worst;
    for (const Json& each : fairness.value("worst", Json::array())) {
        const std::uint64_t port = count_at(each, "port");
        worst.push_back(fmt::format("{}{} {}", count_at(each, "connection"),
                                    port == 0 ? "" : fmt::format(" (port {})", port),
                                    duration_at(each, "mean_ns")));
    }
    fmt::format_to(out, kLabel, "");
    fmt::format_to(out, "slowest: {}\n", joined(worst, ", "));
    return text;
}

std::string steadiness_text(const Json& steadiness) {
    std::string text;
    if (value_at<bool>(steadiness, "steady").value_or(true)) {
        return text;
    }
    const Out out(text);
    fmt::format_to(out, kLabel, "not steady");
    fmt::format_to(out, "{}/s in the first third, {}/s in the last ({:+.0f} %)\n",
                   whole_rate(value_at<double>(steadiness, "first_third_per_s").value_or(0)),
                   whole_rate(value_at<double>(steadiness, "last_third_per_s").value_or(0)),
                   100 * value_at<double>(steadiness, "change_share").value_or(0));
    return text;
}

} // namespace echoload
