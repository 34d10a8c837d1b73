// SPDX-License-Identifier: MIT
// Tests and intervals by ranks: exact for small samples, whatever the distribution of the values.
#pragma once

#include "client/statistics/interval.hpp"

#include <cstddef>
#include <vector>

namespace echoload {

/// The two-sided p value of the Mann-Whitney test (Wilcoxon's rank sum): how probable a rank sum at
/// least as far out is if both samples are of one distribution; twice the smaller tail, at most 1.
/// Equal values have their mean rank. Up to 60 values in all it is exact, also with equal values:
/// the rank sums of all ways to divide the values are counted. Above, it is the normal
/// approximation, corrected for continuity and equal values. Each sample has at least one value.
[[nodiscard]] double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b);

/// The 95 % interval of the factor between two independent samples: the values of b / a that the
/// Mann-Whitney test does not refuse (Hodges and Lehmann, on logarithms). It is unbounded where the
/// samples are too small for any test at that level: three values and four, for example. The
/// values are from 0 on.
[[nodiscard]] Interval rank_sum_interval(const std::vector<double>& a,
                                         const std::vector<double>& b);

/// The same of the centre of ratios, by Wilcoxon's signed-rank test on their logarithms. Unbounded
/// for fewer than six.
[[nodiscard]] Interval signed_rank_interval(const std::vector<double>& ratios);

} // namespace echoload
