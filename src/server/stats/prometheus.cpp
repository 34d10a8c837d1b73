// SPDX-License-Identifier: MIT
#include "server/stats/prometheus.hpp"

#include "server/stats/metrics.hpp"

#include <fmt/format.h>

#include <string_view>

namespace echod {

std::string format_prometheus(const ServerState& state) {
    std::string text;
    for (const MetricFamily& family : metric_families(state)) {
        std::string name(family.name);
        std::string_view type = "gauge";
        switch (family.type) {
        case MetricType::counter:
            name += "_total";
            type = "counter";
            break;
        case MetricType::histogram:
            type = "histogram";
            break;
        case MetricType::info:
            name += "_info";
            break;
        case MetricType::gauge:
            break;
        }
        text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.help, name, type);
        for (const MetricSample& sample : family.samples) {
            text += fmt::format("{}{}{} {}\n", name, sample.suffix, sample.labels, sample.value);
        }
    }
    return text;
}

} // namespace echod
