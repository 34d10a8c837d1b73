// SPDX-License-Identifier: MIT
#include "client/measure/gates.hpp"

#include "base/units.hpp"

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
    if (text.substr(0, 1) != "p") {
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

LatencyGate LatencyGate::parse(std::string_view text) {
    const std::size_t equals = text.find('=');
    const auto figure = LatencyFigure::parse(text.substr(0, equals));
    const auto limit = equals == std::string_view::npos
                           ? std::nullopt
                           : echod::parse_duration(text.substr(equals + 1));
    if (!figure || figure->kind == LatencyFigure::Kind::min || !limit) {
        throw std::invalid_argument(fmt::format(
            "must be pN (above 0, below 100), mean or max, and a duration, as in p99.9=5ms, is "
            "'{}'",
            text));
    }
    return {std::string(text.substr(0, equals)), *figure, *limit};
}

double parse_share(std::string_view text) {
    const auto percent = !text.empty() && text.back() == '%'
                             ? echod::parse_number(text.substr(0, text.size() - 1))
                             : std::nullopt;
    if (!percent || *percent > 100) {
        throw std::invalid_argument(fmt::format("must be 0% to 100%, is '{}'", text));
    }
    return *percent / 100;
}

std::string format_share(double share) {
    return percent_text(share, kRounded);
}

std::string GateResult::measured_text() const {
    if (!measured) {
        return "-";
    }
    // Rounded, unless a value above the limit would then look like the limit.
    if (is_share) {
        const std::string rounded = format_share(*measured);
        const auto percent =
            echod::parse_number(std::string_view(rounded).substr(0, rounded.size() - 1));
        return passed || (percent && *percent / 100 > allowed) ? rounded
                                                               : percent_text(*measured, kExact);
    }
    const Duration exact(static_cast<std::int64_t>(*measured));
    const std::string rounded = echod::humanize_duration(exact);
    return passed || echod::parse_duration(rounded) > Duration(static_cast<std::int64_t>(allowed))
               ? rounded
               : echod::format_duration(exact);
}

std::string GateResult::allowed_text() const {
    return is_share ? percent_text(allowed, kExact)
                    : echod::format_duration(Duration(static_cast<std::int64_t>(allowed)));
}

std::optional<double> error_rate(const MessageCounts& messages,
                                 const ConnectionCounts& connections) noexcept {
    const auto share = [](std::uint64_t failed, std::uint64_t tried) {
        return tried == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(tried);
    };
    const std::uint64_t never_sent = messages.shed + messages.unsent;
    const std::uint64_t due = messages.sent + never_sent;
    const std::uint64_t opened = connections.up + connections.failed;
    if (due + opened == 0) {
        return std::nullopt;
    }
    return std::max(share(messages.wrong + messages.timed_out + messages.lost + never_sent, due),
                    share(connections.failed + connections.closed_early, opened));
}

std::vector<GateResult> judge_gates(const Gates& gates, const Tally& tally, bool open_loop) {
    std::vector<GateResult> results;
    for (const LatencyGate& gate : gates.latency) {
        const Histogram& histogram = *latencies(tally, open_loop).front().histogram;
        const auto measured = gate.figure.of(histogram);
        GateResult result{gate.name, measured && *measured <= gate.limit, std::nullopt,
                          static_cast<double>(gate.limit.count()), false};
        if (measured) {
            result.measured = static_cast<double>(measured->count());
        }
        if (result.passed && histogram.count() < gate.figure.values_needed()) {
            result.passed = false;
            result.values_needed = gate.figure.values_needed();
            result.values = histogram.count();
        }
        results.push_back(result);
    }
    if (gates.max_error_rate) {
        const auto measured = error_rate(tally.messages, tally.connections);
        results.push_back({"error rate", measured && *measured <= *gates.max_error_rate, measured,
                           *gates.max_error_rate, true});
    }
    return results;
}

} // namespace echoload
