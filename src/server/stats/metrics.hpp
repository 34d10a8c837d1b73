// SPDX-License-Identifier: MIT
// The metrics of the daemon as data: what `--stats openmetrics` and `--stats prometheus` print.
#pragma once

#include "server/stats/server_state.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

enum class MetricType : std::uint8_t { gauge, counter, histogram, info };

/// One line of a family.
struct MetricSample {
    std::string_view suffix; ///< of a histogram: "_bucket", "_sum" or "_count"
    std::string labels;      ///< `{reason="full"}`, or empty
    std::string value;
};

/// A metric with its samples. The name is that of OpenMetrics: without "_total" for a counter and
/// without "_info" for an info.
struct MetricFamily {
    std::string_view name;
    MetricType type = MetricType::gauge;
    std::string_view help;
    std::vector<MetricSample> samples; ///< at least one
};

/// All families of `state`, in the order of the outputs. What the kernel does not say is left out.
/// Throws std::bad_alloc.
[[nodiscard]] std::vector<MetricFamily> metric_families(const ServerState& state);

} // namespace echod
