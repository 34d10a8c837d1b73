// SPDX-License-Identifier: MIT
// A latency in the JSON: its figures and its whole histogram.
#pragma once

#include "client/measure/histogram.hpp"
#include "client/report/json_value.hpp"

#include <string>
#include <vector>

namespace echoload {

/// Names how buckets are cut: 1,024 of equal width in each power of two.
inline constexpr const char* kHistogramScheme = "log-linear-1024";

/// A latency's count, minimum, mean, percentiles and maximum; `more` are percentiles beside the
/// usual ones.
[[nodiscard]] Json latency_figures(const Histogram& histogram,
                                   const std::vector<double>& more = {});

/// A latency with its figures and its whole histogram. `loop` says how it was measured: "open",
/// "closed" or, of a merged result, "mixed".
[[nodiscard]] Json latency_json(const std::string& loop, const Histogram& histogram,
                                const std::vector<double>& more);

} // namespace echoload
