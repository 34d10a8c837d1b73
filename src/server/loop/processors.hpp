// SPDX-License-Identifier: MIT
// The processors that this process may use, and how much of them.
#pragma once

#include "base/throttling.hpp"

#include <optional>

namespace echod {

/// Whether another process can run while this one polls: false on a machine with a single
/// processor. A process that is bound to one of several processors may well poll there.
[[nodiscard]] bool has_several_processors() noexcept;

/// The processor to which this process is bound (sched_setaffinity(2)); nothing where it may use
/// several.
[[nodiscard]] std::optional<int> only_processor() noexcept;

/// Watches the control group of this process and those above it.
class Processors {
public:
    /// Throws std::bad_alloc, like the other function.
    explicit Processors(ControlGroupPlaces places = {});

    /// True if one of the groups was stopped, because its quota was used up, since the last call or
    /// the start. Reads several files.
    [[nodiscard]] bool throttled_again();

private:
    ControlGroupPlaces places_;
    GroupThrottling last_;
};

} // namespace echod
