// SPDX-License-Identifier: MIT
// Holm's correction of several p values.
#pragma once

#include <vector>

namespace echoload {

/// The p values, in the same order, corrected for their number: if no hypothesis of them is wrong,
/// the probability that any is below a level is at most that level (Holm 1979).
[[nodiscard]] std::vector<double> holm(const std::vector<double>& p);

} // namespace echoload
