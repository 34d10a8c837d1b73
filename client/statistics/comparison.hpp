// SPDX-License-Identifier: MIT
// By which factor a figure differs between two sides with several runs each. The run is the sample:
// the messages of one run share its noise.
#pragma once

#include "client/statistics/interval.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// With fewer runs a side, a difference cannot be distinguished from noise.
inline constexpr std::size_t kFewestRuns = 6;

/// The factor of side B to side A, or a figure, and where it lies with 95 % confidence.
struct Factor {
    double estimate = 1;
    Interval interval;
};

/// The ratio of the medians of independent runs, values from 0 on. The interval covers that of the
/// bootstrap and the exact one of ranks: the first alone can miss more often than in one of 20
/// cases, and the second is for distributions that differ by a factor only.
[[nodiscard]] Factor factor_of_samples(const std::vector<double>& a, const std::vector<double>& b);

/// The median of the ratios of interleaved runs: a[i] and b[i] ran one after the other. What both
/// have in common, such as a machine that becomes slower, cancels out.
[[nodiscard]] Factor factor_of_pairs(const std::vector<double>& a, const std::vector<double>& b);

/// The centre of one sample, values from 0 on: its median, with an interval of the same kind.
[[nodiscard]] Factor centre_of_sample(const std::vector<double>& values);

/// What a figure must not be: above `value`, or below it, or also equal to it.
struct Limit {
    double value = 1;
    bool above = true;
    bool inclusive = false;
};

enum class Decision : std::uint8_t { within, beyond, undecided };

/// Whether a figure is beyond the limit, or that is undecided: the limit is in the interval.
[[nodiscard]] Decision decide(const Interval& interval, const Limit& limit) noexcept;

/// About how many more runs a side decide it, `runs` were made: an interval shrinks with the root
/// of their number. At least 1; nothing where the factor is so close to the limit that more than
/// 10,000 were needed.
[[nodiscard]] std::optional<std::size_t> more_runs(const Factor& factor, double limit,
                                                   std::size_t runs);

} // namespace echoload
