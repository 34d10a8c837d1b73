// SPDX-License-Identifier: MIT
// The median.
#pragma once

#include <vector>

namespace echoload {

/// The middle value, or the mean of the two in the middle. `values` are at least one, none is NaN.
[[nodiscard]] double median(std::vector<double> values);

/// b / a for values from 0 on: 1 where both are 0, infinity where only `a` is.
[[nodiscard]] double ratio(double a, double b) noexcept;

} // namespace echoload
