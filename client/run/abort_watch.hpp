// SPDX-License-Identifier: MIT
// Ends a run in which a condition of --abort-on holds.
#pragma once

#include "client/measure/gates.hpp"
#include "client/result/live_interval.hpp"
#include "client/result/run_result.hpp"

#include <optional>

namespace echoload {

/// Adds up the intervals of a run and judges the conditions once a second of its measured part, on
/// the figures so far: those of the result, if the run ended then. A percentile of too few values
/// is not judged. It reads no clock.
class AbortWatch {
public:
    AbortWatch(Gates conditions, bool open_loop)
        : conditions_(std::move(conditions)), open_loop_(open_loop) {}

    /// Whether a condition holds for the first time with this interval.
    [[nodiscard]] bool add(const LiveInterval& interval);

    /// The first condition that held; nothing where none did.
    [[nodiscard]] const std::optional<Aborted>& aborted() const noexcept { return aborted_; }

private:
    Gates conditions_;
    bool open_loop_;
    Tally so_far_;
    Duration judged_{}; ///< the measured part when it was judged last
    std::optional<Aborted> aborted_;
};

} // namespace echoload
