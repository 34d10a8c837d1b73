// SPDX-License-Identifier: MIT
#include "client/measure/condition.hpp"

#include "base/units.hpp"
#include "client/measure/numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace echoload {

namespace {

// With `digits` significant digits and no exponent, since parse_share() reads none.
std::string percent_text(double share, int digits) {
    const double percent = share * 100;
    const int magnitude = percent > 0 ? static_cast<int>(std::floor(std::log10(percent))) : 0;
    std::string text = fmt::format("{:.{}f}", percent, std::max(0, digits - 1 - magnitude));
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') {
            text.pop_back();
        }
    }
    return text + '%';
}

constexpr int kRounded = 4;
constexpr int kExact = 12;

struct NamedUnit {
    const char* figure;
    Unit unit;
};
constexpr NamedUnit kFiguresWithoutTime[] = {
    {"rate", Unit::per_second},   {"bytes", Unit::bytes_per_second}, {"errors", Unit::share},
    {"error-rate", Unit::share},  {"lost", Unit::messages},          {"outages", Unit::outages},
    {"outage", Unit::nanoseconds}};

std::optional<double> share_in(std::string_view text) noexcept {
    if (!text.ends_with('%')) {
        return std::nullopt;
    }
    const auto percent = echod::parse_number(text.substr(0, text.size() - 1));
    return percent && *percent <= 100 ? std::optional(*percent / 100) : std::nullopt;
}

std::optional<double> count_of(std::string_view text) noexcept {
    const auto count = echod::parse_count(text);
    return count ? std::optional(static_cast<double>(*count)) : std::nullopt;
}

std::optional<double> value_in(Unit unit, std::string_view text) noexcept {
    switch (unit) {
    case Unit::nanoseconds:
        if (const auto time = echod::parse_duration(text)) {
            return static_cast<double>(time->count());
        }
        return std::nullopt;
    case Unit::share:
        return share_in(text);
    case Unit::per_second:
    case Unit::bytes_per_second:
        return count_of(text.ends_with("/s") ? text.substr(0, text.size() - 2) : text);
    case Unit::messages:
    case Unit::outages:
        break;
    }
    return count_of(text);
}

// "+10%", "-5%", "50%".
std::optional<double> percent_in(std::string_view text) noexcept {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) {
        text.remove_prefix(1);
    }
    const auto percent =
        text.ends_with('%') ? echod::parse_number(text.substr(0, text.size() - 1)) : std::nullopt;
    return percent && negative ? std::optional(-*percent) : percent;
}

// The figure and the comparison; `value` is the text behind them. Nothing where one is missing.
std::optional<Condition> read_comparison(std::string_view text, std::string_view& value) {
    const std::size_t at = text.find_first_of("<>=");
    const auto figure = Figure::parse(text.substr(0, at));
    if (at == std::string_view::npos || !figure) {
        return std::nullopt;
    }
    Condition condition{std::string(text), *figure};
    value = text.substr(at);
    if (value.starts_with('=')) { // of a latency: at most
        value.remove_prefix(1);
        return figure->of_time ? std::optional(condition) : std::nullopt;
    }
    const std::size_t length = value.substr(1, 1) == "=" ? 2 : 1;
    condition.comparison = *echod::enum_value<Comparison>(value.substr(0, length));
    value.remove_prefix(length);
    return condition;
}

constexpr const char* kForms =
    "FIGURE is pN (above 0, below 100), min, mean or max, with a duration; rate or bytes, with a "
    "number a second; errors, with a percentage; lost, with a number of messages; outage, with a "
    "duration; or outages, with a number";

} // namespace

std::optional<LatencyFigure> LatencyFigure::parse(std::string_view text) {
    if (text == "min") {
        return LatencyFigure{Kind::min, 0};
    }
    if (text == "mean") {
        return LatencyFigure{Kind::mean, 0};
    }
    if (text == "max") {
        return LatencyFigure{Kind::max, 0};
    }
    if (!text.starts_with('p')) {
        return std::nullopt;
    }
    const auto percent = echod::parse_number(text.substr(1));
    if (!percent || *percent <= 0 || *percent >= 100) {
        return std::nullopt;
    }
    return LatencyFigure{Kind::percentile, *percent};
}

std::uint64_t LatencyFigure::values_needed() const noexcept {
    // As in Histogram::percentile(), 99.9 is no binary fraction.
    return kind == Kind::percentile
               ? static_cast<std::uint64_t>(std::ceil(100 / (100 - percent) * (1 - 1e-9)))
               : 1;
}

std::optional<Duration> LatencyFigure::of(const Histogram& histogram) const noexcept {
    switch (kind) {
    case Kind::min:
        return histogram.min();
    case Kind::mean:
        return histogram.mean();
    case Kind::max:
        return histogram.max();
    case Kind::percentile:
        break;
    }
    return histogram.percentile(percent);
}

std::optional<Figure> Figure::parse(std::string_view text) {
    Figure figure;
    figure.name = text;
    for (const NamedUnit& each : kFiguresWithoutTime) {
        if (text == each.figure) {
            figure.unit = each.unit;
            return figure;
        }
    }
    for (const std::string_view latency :
         {"service", "response", "connect", "lag", "interruption"}) {
        if (text.starts_with(latency) && text.substr(latency.size()).starts_with('.')) {
            figure.latency = latency;
            text.remove_prefix(latency.size() + 1);
            break;
        }
    }
    figure.of_time = LatencyFigure::parse(text);
    return figure.of_time ? std::optional(figure) : std::nullopt;
}

bool Condition::holds(double measured) const noexcept {
    switch (comparison) {
    case Comparison::below:
        return measured < value;
    case Comparison::at_most:
        return measured <= value;
    case Comparison::above:
        return measured > value;
    case Comparison::at_least:
        break;
    }
    return measured >= value;
}

Condition Condition::parse_required(std::string_view text) {
    std::string_view value;
    auto condition = read_comparison(text, value);
    const auto number = condition ? value_in(condition->figure.unit, value) : std::nullopt;
    if (!number) {
        throw std::invalid_argument(
            fmt::format("must be a figure, <, <=, > or >=, and a value, as in 'p99.9<5ms' or "
                        "'rate>=10k', is '{}'; {}",
                        text, kForms));
    }
    condition->value = *number;
    return *condition;
}

Condition Condition::parse_ending(std::string_view text) {
    std::string_view value;
    auto condition = read_comparison(text, value);
    const bool has_form = condition && text.find_first_of("<>") != std::string_view::npos;
    const auto number = has_form ? value_in(condition->figure.unit, value) : std::nullopt;
    if (!number) {
        throw std::invalid_argument(
            fmt::format("must be a figure, <, <=, > or >=, and a value, as in 'p99>1s' or "
                        "'errors>1%', is '{}'; {}",
                        text, kForms));
    }
    if (condition->figure.is_of_outages()) {
        throw std::invalid_argument(fmt::format(
            "must be a figure that is known during the run, and outages are not, is '{}'", text));
    }
    condition->value = *number;
    return *condition;
}

Condition Condition::parse_refused(std::string_view text) {
    std::string_view value;
    auto condition = read_comparison(text, value);
    if (condition && text.find_first_of("<>") != std::string_view::npos) {
        const bool has_sign = value.starts_with('+') || value.starts_with('-');
        condition->relative =
            value.ends_with('%') && (has_sign || condition->figure.name != "errors");
        const auto number =
            condition->relative ? percent_in(value) : value_in(condition->figure.unit, value);
        if (number) {
            condition->value = *number;
            return *condition;
        }
    }
    throw std::invalid_argument(
        fmt::format("must be FIGURE>+N% or FIGURE<-N%, a change from A to B, or a figure of B as "
                    "in 'p99>5ms', is '{}'; {}",
                    text, kForms));
}

double parse_share(std::string_view text) {
    const auto share = share_in(text);
    if (!share) {
        throw std::invalid_argument(fmt::format("must be 0% to 100%, is '{}'", text));
    }
    return *share;
}

std::string format_share(double share) {
    return percent_text(share, kRounded);
}

std::string rounded_value(Unit unit, double value) {
    switch (unit) {
    case Unit::nanoseconds:
        return echod::humanize_duration(Duration(static_cast<std::int64_t>(value)));
    case Unit::per_second:
        return whole_rate(value) + "/s";
    case Unit::bytes_per_second:
        return byte_rate(value);
    case Unit::share:
        return format_share(value);
    case Unit::messages:
    case Unit::outages:
        break;
    }
    return whole_rate(value);
}

std::string exact_value(Unit unit, double value) {
    switch (unit) {
    case Unit::nanoseconds:
        return echod::format_duration(Duration(static_cast<std::int64_t>(value)));
    case Unit::share:
        return percent_text(value, kExact);
    case Unit::per_second:
    case Unit::bytes_per_second:
        return fmt::format("{:.{}g}/s", value, kExact);
    case Unit::messages:
    case Unit::outages:
        break;
    }
    return fmt::format("{:.{}g}", value, kExact);
}

} // namespace echoload
