// SPDX-License-Identifier: MIT
#include "server/stats/openmetrics.hpp"

#include "server/stats/metrics.hpp"

#include <fmt/format.h>

#include <string_view>

namespace echod {

namespace {

constexpr std::string_view open_metrics_type(MetricType type) noexcept {
    switch (type) {
    case MetricType::counter:
        return "counter";
    case MetricType::histogram:
        return "histogram";
    case MetricType::info:
        return "info";
    case MetricType::gauge:
        break;
    }
    return "gauge";
}

std::string_view open_metrics_suffix(const MetricFamily& family, const MetricSample& sample) {
    switch (family.type) {
    case MetricType::counter:
        return "_total";
    case MetricType::info:
        return "_info";
    default:
        return sample.suffix;
    }
}

} // namespace

std::string format_openmetrics(const ServerState& state) {
    std::string text;
    for (const MetricFamily& family : metric_families(state)) {
        text += fmt::format("# TYPE {} {}\n", family.name, open_metrics_type(family.type));
        for (const std::string_view unit : {"bytes", "seconds"}) {
            if (family.name.ends_with(unit)) {
                text += fmt::format("# UNIT {} {}\n", family.name, unit);
            }
        }
        text += fmt::format("# HELP {} {}\n", family.name, family.help);
        for (const MetricSample& sample : family.samples) {
            text += fmt::format("{}{}{} {}\n", family.name, open_metrics_suffix(family, sample),
                                sample.labels, sample.value);
        }
    }
    return text + "# EOF\n";
}

} // namespace echod
