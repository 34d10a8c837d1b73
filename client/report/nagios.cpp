// SPDX-License-Identifier: MIT
#include "client/report/nagios.hpp"

#include "base/enum_names.hpp"
#include "client/report/text_lines.hpp"
#include "client/result/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace echoload {

namespace {

constexpr const char* kStateNames[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

// A figure of the performance data: 'label'=value[unit];[warning];[critical].
struct PerformanceFigure {
    std::string label;
    double value = 0;
    const char* unit = "";
    std::string critical; ///< a range, or empty
};

// Digits and a point alone: the guidelines know no exponent.
std::string plain_number(double value) {
    std::string text = fmt::format("{:.9f}", value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
        text.pop_back();
    }
    return text;
}

// In the unit of performance data.
double scaled(Unit unit, double value) {
    switch (unit) {
    case Unit::nanoseconds:
        return value / 1e9;
    case Unit::share:
        return value * 100;
    default:
        return value;
    }
}

const char* unit_name(Unit unit) {
    switch (unit) {
    case Unit::nanoseconds:
        return "s";
    case Unit::share:
        return "%";
    default:
        return "";
    }
}

// "0.005" is exceeded above it, "10000:" below it.
std::string range_of(const Condition& condition) {
    return plain_number(scaled(condition.figure.unit, condition.value)) +
           (condition.is_upper_bound() ? "" : ":");
}

void add_latency(std::vector<PerformanceFigure>& figures, const StoredResult& result) {
    const StoredLatency* const response = result.find_latency("response");
    const StoredLatency* const latency =
        response != nullptr ? response : result.find_latency("latency");
    if (latency == nullptr) {
        return;
    }
    for (const char* const name : {"p50", "p99", "max"}) {
        if (const auto value = LatencyFigure::parse(name)->of(latency->histogram)) {
            figures.push_back({name, scaled(Unit::nanoseconds, static_cast<double>(value->count())),
                               unit_name(Unit::nanoseconds), ""});
        }
    }
}

std::vector<PerformanceFigure> figures_of(const StoredResult& result) {
    std::vector<PerformanceFigure> figures;
    if (result.rate && result.rate->messages_per_s) {
        figures.push_back({"rate", *result.rate->messages_per_s, "", ""});
    }
    add_latency(figures, result);
    if (result.messages) {
        const MessageCounts& counts = *result.messages;
        figures.push_back({"sent", static_cast<double>(counts.sent), "", ""});
        figures.push_back({"lost", static_cast<double>(counts.lost + counts.timed_out), "", ""});
        figures.push_back({"wrong", static_cast<double>(counts.wrong), "", ""});
    }
    if (result.outage_counts) {
        figures.push_back({"outages", static_cast<double>(result.outage_counts->outages), "", ""});
        figures.push_back({"outage", result.outage_counts->longest_s.value_or(0), "s", ""});
    }
    for (const GateResult& gate : result.gates.value_or(std::vector<GateResult>())) {
        const Figure& figure = gate.condition.figure;
        const auto same = std::find_if(figures.begin(), figures.end(), [&figure](const auto& each) {
            return each.label == figure.name;
        });
        if (same != figures.end()) {
            same->critical = range_of(gate.condition);
        } else if (gate.measured) {
            figures.push_back({figure.name, scaled(figure.unit, *gate.measured),
                               unit_name(figure.unit), range_of(gate.condition)});
        }
    }
    return figures;
}

// What follows '|' is performance data, and another line is none of the first.
std::string in_one_line(std::string text) {
    std::replace(text.begin(), text.end(), '|', '/');
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

std::string summary_of(const StoredResult& result) {
    const std::string targets = joined(targets_of(result.requested), ", ");
    if (!result.verdict.reasons.empty()) {
        return fmt::format("{}: {}", targets, joined(result.verdict.reasons, "; "));
    }
    std::string text =
        fmt::format("{}: {} messages echoed", targets,
                    group_digits(result.messages ? result.messages->verified : std::uint64_t{0}));
    const StoredLatency* const response = result.find_latency("response");
    const StoredLatency* const latency =
        response != nullptr ? response : result.find_latency("latency");
    if (latency != nullptr && latency->histogram.count() != 0) {
        text += fmt::format(", p50 {}, p99 {}", duration_or_dash(latency->histogram.percentile(50)),
                            duration_or_dash(latency->histogram.percentile(99)));
    }
    return text;
}

std::string status_line(PluginState state, std::string text) {
    return fmt::format("ECHOLOAD {} - {}", kStateNames[static_cast<std::size_t>(state)],
                       in_one_line(std::move(text)));
}

} // namespace

PluginState plugin_state(const StoredResult& result) {
    const auto outcome = echod::enum_value<Outcome>(result.verdict.outcome);
    const bool none_connected =
        result.connections && result.connections->up == 0 && result.connections->failed != 0;
    switch (outcome.value_or(Outcome::not_possible)) {
    case Outcome::ok:
        return PluginState::ok;
    case Outcome::undecided:
        return PluginState::warning;
    case Outcome::wrong_echo:
    case Outcome::not_delivered:
    case Outcome::gate_failed:
        return PluginState::critical;
    case Outcome::not_possible:
        return none_connected ? PluginState::critical : PluginState::unknown;
    case Outcome::interrupted:
        break;
    }
    return PluginState::unknown;
}

std::string plugin_line(const StoredResult& result) {
    std::string line = status_line(plugin_state(result), summary_of(result));
    std::string data;
    for (const PerformanceFigure& figure : figures_of(result)) {
        data += fmt::format("{}{}={}{}{}", data.empty() ? "" : " ", figure.label,
                            plain_number(figure.value), figure.unit,
                            figure.critical.empty() ? "" : ";;" + figure.critical);
    }
    return line + (data.empty() ? "" : " | " + data) + '\n';
}

std::string plugin_line(std::string_view why) {
    return status_line(PluginState::unknown, std::string(why)) + '\n';
}

} // namespace echoload
