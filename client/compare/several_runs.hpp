// SPDX-License-Identifier: MIT
// A comparison with several runs a side, which shows how much runs of one side differ.
#pragma once

#include "client/compare/sides.hpp"
#include "client/options/compare_options.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace echoload {

enum class GateState : std::uint8_t { passed, failed, undecided };

/// The outcome of a condition, and the line on it.
struct JudgedGate {
    std::string text;
    GateState state = GateState::passed;
};

/// The table of the medians, and of their differences with 95 % intervals and p values where the
/// runs are enough.
[[nodiscard]] std::string several_table(const Sides& sides);

/// Judges each condition: it holds, and the gate fails, where the interval lies wholly beyond the
/// limit; it passes where the interval lies wholly within. A condition that allows for no
/// difference fails only if its p value, corrected for the number of conditions, is below 5 % too.
[[nodiscard]] std::vector<JudgedGate> judge_several(const std::vector<Condition>& conditions,
                                                    const Sides& sides);

} // namespace echoload
