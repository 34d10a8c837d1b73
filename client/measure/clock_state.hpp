// SPDX-License-Identifier: MIT
// How far the wall clock of the machine can be trusted.
#pragma once

#include "base/clock.hpp"

#include <optional>

namespace echoload {

/// The state of the wall clock, as the kernel has it from the service that sets the clock.
struct ClockState {
    bool synchronised = false;
    echod::Duration estimated_error{}; ///< without a meaning where it is not synchronised,
    echod::Duration maximum_error{};   ///< and so is this one
};

/// Nothing where the kernel does not say: adjtimex(2).
[[nodiscard]] std::optional<ClockState> read_clock_state() noexcept;

} // namespace echoload
