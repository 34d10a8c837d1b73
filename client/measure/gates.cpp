// SPDX-License-Identifier: MIT
#include "client/measure/gates.hpp"

#include "base/units.hpp"

#include <algorithm>
#include <cmath>

namespace echoload {

namespace {

// The histogram of a latency's name; of none, the one that limits mean.
const Histogram& histogram_of(const std::string& latency, const MeasuredRun& run) {
    if (latency == "service") {
        return run.tally.service;
    }
    if (latency == "response") {
        return run.tally.response;
    }
    if (latency == "connect") {
        return run.tally.connect;
    }
    if (latency == "lag") {
        return run.tally.lag;
    }
    if (latency == Figure::kInterruption && run.outages != nullptr) {
        return run.outages->interruptions;
    }
    return loop_latency(run.tally, run.open_loop);
}

// Where there was no outage, the figures are 0.
std::optional<double> measure_outages(const Figure& figure, const Outages* outages) {
    if (outages == nullptr) {
        return std::nullopt;
    }
    if (figure.unit == Unit::outages) {
        return static_cast<double>(outages->count());
    }
    const Duration value =
        figure.of_time ? figure.of_time->of(outages->interruptions).value_or(Duration::zero())
                       : outages->longest();
    return static_cast<double>(value.count());
}

std::optional<double> measure(const Figure& figure, const MeasuredRun& run) {
    if (figure.is_of_outages()) {
        return measure_outages(figure, run.outages);
    }
    const auto a_second = [&run](std::uint64_t count) {
        return run.window
                   ? std::optional(static_cast<double>(count) / echod::to_seconds(*run.window))
                   : std::nullopt;
    };
    switch (figure.unit) {
    case Unit::per_second:
        return a_second(run.tally.messages.in_window);
    case Unit::bytes_per_second:
        return a_second(run.tally.bytes.in_window);
    case Unit::share:
        return error_rate(run.tally.messages, run.tally.connections, run.outages != nullptr);
    case Unit::messages:
        return static_cast<double>(run.tally.messages.lost);
    case Unit::outages:
    case Unit::nanoseconds:
        break;
    }
    const auto value = figure.of_time->of(histogram_of(figure.latency, run));
    return value ? std::optional(static_cast<double>(value->count())) : std::nullopt;
}

// The value that rounded_value() shows; nothing where that is not known.
std::optional<double> as_shown(Unit unit, double value) {
    switch (unit) {
    case Unit::share:
        return parse_share(rounded_value(unit, value));
    case Unit::nanoseconds:
        if (const auto time = echod::parse_duration(rounded_value(unit, value))) {
            return static_cast<double>(time->count());
        }
        return std::nullopt;
    case Unit::per_second:
    case Unit::messages:
    case Unit::outages:
        return std::round(value);
    case Unit::bytes_per_second:
        break;
    }
    const double third_digit = std::pow(10, std::floor(std::log10(std::max(value, 1.0))) - 2);
    return std::round(value / third_digit) * third_digit;
}

} // namespace

Condition error_rate_gate(double share) {
    Condition condition;
    condition.text = "error rate<=" + exact_value(Unit::share, share);
    condition.figure.name = "error rate";
    condition.figure.unit = Unit::share;
    condition.value = share;
    return condition;
}

bool limits_errors(const Gates& gates) noexcept {
    return std::any_of(gates.begin(), gates.end(), [](const Condition& gate) {
        return gate.figure.unit == Unit::share && gate.is_upper_bound();
    });
}

bool limits_outages(const Gates& gates) noexcept {
    return std::any_of(gates.begin(), gates.end(), [](const Condition& gate) {
        return gate.figure.is_of_outages() && gate.is_upper_bound();
    });
}

bool limits_lost(const Gates& gates) noexcept {
    return std::any_of(gates.begin(), gates.end(), [](const Condition& gate) {
        return gate.figure.unit == Unit::messages && gate.is_upper_bound();
    });
}

std::string GateResult::measured_text() const {
    if (!measured) {
        return "-";
    }
    // Rounded, unless what is shown would be judged otherwise.
    const Unit unit = condition.figure.unit;
    const auto shown = as_shown(unit, *measured);
    const bool as_judged = shown && condition.holds(*shown) == condition.holds(*measured);
    return as_judged ? rounded_value(unit, *measured) : exact_value(unit, *measured);
}

std::string GateResult::allowed_text() const {
    const std::string value = exact_value(condition.figure.unit, condition.value);
    return condition.comparison == Comparison::at_most
               ? value
               : std::string(echod::enum_name(condition.comparison)) + value;
}

std::optional<double> error_rate(const MessageCounts& messages, const ConnectionCounts& connections,
                                 bool reconnects) noexcept {
    const auto share = [](std::uint64_t failed, std::uint64_t tried) {
        return tried == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(tried);
    };
    const std::uint64_t never_sent = messages.shed + messages.unsent;
    const std::uint64_t due = messages.sent + never_sent;
    const std::uint64_t opened = connections.up + connections.failed;
    if (due + opened == 0) {
        return std::nullopt;
    }
    const double of_messages =
        share(messages.wrong + messages.timed_out + messages.lost + never_sent, due);
    return reconnects ? of_messages
                      : std::max(of_messages,
                                 share(connections.failed + connections.closed_early, opened));
}

std::vector<GateResult> judge_gates(const Gates& gates, const MeasuredRun& run) {
    std::vector<GateResult> results;
    results.reserve(gates.size());
    for (const Condition& gate : gates) {
        GateResult result{gate, measure(gate.figure, run)};
        result.passed = result.measured && gate.holds(*result.measured);
        if (const auto& figure = gate.figure.of_time; figure && result.measured) {
            const std::uint64_t values = histogram_of(gate.figure.latency, run).count();
            const bool fails_for_sure = gate.is_upper_bound() && !result.passed;
            const bool none = values == 0 && gate.figure.is_of_outages();
            if (values < figure->values_needed() && !fails_for_sure && !none) {
                result.passed = false;
                result.values_needed = figure->values_needed();
                result.values = values;
            }
        }
        results.push_back(std::move(result));
    }
    return results;
}

} // namespace echoload
