// SPDX-License-Identifier: MIT
#include "client/compare/figure_values.hpp"

#include "client/report/figures.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string_view>

namespace echoload {

namespace {

// The latencies by the names that figures have, in the order of the table.
struct LatencyName {
    const char* name;
    const char* key;
};
constexpr LatencyName kLatencyNames[] = {{"response", "response"},
                                         {"service", "latency"},
                                         {"connect", "connect_latency"},
                                         {"lag", "lag"},
                                         {"interruption", "interruption"}};

// The latency of that name, or the one that limits mean: the response time where there is one.
const StoredLatency* find_latency(const StoredResult& result, std::string_view name) {
    if (name.empty()) {
        const StoredLatency* const response = result.find_latency("response");
        return response != nullptr ? response : result.find_latency("latency");
    }
    for (const LatencyName& each : kLatencyNames) {
        if (name == each.name) {
            return result.find_latency(each.key);
        }
    }
    return nullptr;
}

// As --max-error-rate counts.
std::optional<double> error_rate_of(const StoredResult& result) {
    return error_rate(result.messages.value_or(MessageCounts()),
                      result.connections.value_or(ConnectionFigures()),
                      result.outage_counts.has_value());
}

// Where there was no outage, the figures are 0.
std::optional<double> outages_of(const StoredResult& result, const Figure& figure) {
    if (!result.outage_counts) {
        return std::nullopt;
    }
    if (figure.unit == Unit::outages) {
        return static_cast<double>(result.outage_counts->outages);
    }
    return result.outage_counts->longest_s.value_or(0) * 1e9;
}

} // namespace

std::optional<double> value_of(const StoredResult& result, const Figure& figure) {
    if (figure.of_time) {
        const StoredLatency* const latency = find_latency(result, figure.latency);
        const auto value =
            latency == nullptr ? std::nullopt : figure.of_time->of(latency->histogram);
        return value ? std::optional(static_cast<double>(value->count())) : std::nullopt;
    }
    if (figure.is_of_outages()) {
        return outages_of(result, figure);
    }
    const StoredRate rate = result.rate.value_or(StoredRate());
    switch (figure.unit) {
    case Unit::share:
        return error_rate_of(result);
    case Unit::messages:
        return static_cast<double>(result.messages.value_or(MessageCounts()).lost);
    case Unit::bytes_per_second:
        return rate.bytes_per_s;
    case Unit::per_second:
    case Unit::outages:
    case Unit::nanoseconds:
        break;
    }
    return rate.messages_per_s;
}

std::string text_of(const Figure& figure, std::optional<double> value) {
    return value ? rounded_value(figure.unit, *value) : "-";
}

std::optional<double> change(std::optional<double> before, std::optional<double> after) {
    if (!before || !after) {
        return std::nullopt;
    }
    if (*before == 0) {
        return *after == 0 ? 0 : std::numeric_limits<double>::infinity();
    }
    return (*after - *before) / *before * 100;
}

std::string change_text(std::optional<double> percent) {
    if (!percent) {
        return "-";
    }
    return std::isinf(*percent) ? "from 0" : fmt::format("{:+.1f}%", *percent);
}

std::vector<Figure> table_figures() {
    std::vector<Figure> figures;
    const auto add = [&figures](const std::string& name) {
        figures.push_back(*Figure::parse(name));
    };
    add("rate");
    add("bytes");
    for (const LatencyName& latency : kLatencyNames) {
        const std::string prefix = std::string(latency.name) + ".";
        add(prefix + "min");
        add(prefix + "mean");
        for (const double percent : kPercentiles) {
            add(prefix + percentile_name(percent));
        }
        add(prefix + "max");
    }
    add("error-rate");
    add("outages");
    add("outage");
    return figures;
}

} // namespace echoload
