// SPDX-License-Identifier: MIT
// The order of the runs of a series, and their seeds.
#pragma once

#include <cstdint>
#include <vector>

namespace echoload {

/// A run of a series.
struct PlannedRun {
    bool is_b = false;
    std::uint64_t block = 1; ///< from 1
    std::uint64_t seed = 0;  ///< as --seed allows
};

/// `runs` runs of each side; the plan depends on the arguments only. One side: each run is a block.
/// Two sides: blocks of four, ABBA or BAAB at random, so that neither side gains by what changes
/// from run to run; an odd number of runs ends with a block of two.
[[nodiscard]] std::vector<PlannedRun> plan_series(std::uint32_t runs, bool two_sides,
                                                  std::uint64_t seed);

} // namespace echoload
