// SPDX-License-Identifier: MIT
// Intervals by the bootstrap: the figure is computed of many samples that are drawn from the runs
// with repetition. The draws are always the same, so that a comparison has one answer.
#pragma once

#include "client/statistics/interval.hpp"

#include <vector>

namespace echoload {

/// The 95 % percentile interval of the ratio of medians, b to a; the runs of each sample are drawn
/// on their own. Each has at least one value, all from 0 on.
[[nodiscard]] Interval bootstrap_ratio_of_medians(const std::vector<double>& a,
                                                  const std::vector<double>& b);

/// The same of the median of ratios, of which there is at least one.
[[nodiscard]] Interval bootstrap_median(const std::vector<double>& ratios);

} // namespace echoload
