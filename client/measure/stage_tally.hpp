// SPDX-License-Identifier: MIT
// What became of the messages of each stage of an open loop.
#pragma once

#include "base/clock.hpp"
#include "client/measure/histogram.hpp"

#include <cstdint>
#include <vector>

namespace echoload {

using echod::TimePoint;

/// The messages of a stage. One that is due in it belongs to it, whenever it is answered.
struct StageTally {
    std::uint64_t due = 0;
    std::uint64_t shed = 0;
    std::uint64_t verified = 0;
    Histogram response; ///< as Tally::response
};

/// The tallies of the stages, in their order; none where the pace has no stages.
class StageTallies {
public:
    /// The stages end at `ends`, which rise; everything that is counted is due before the last one.
    void begin(const std::vector<TimePoint>& ends);

    /// Nothing is counted by stage.
    [[nodiscard]] bool empty() const noexcept { return ends_.empty(); }

    /// The tally of the stage in which `due` lies. Not where it is empty().
    [[nodiscard]] StageTally& of(TimePoint due) noexcept;

    void merge(const StageTallies& other);
    void clear() noexcept; ///< counts, but not the stages

    [[nodiscard]] const std::vector<StageTally>& rows() const noexcept { return rows_; }

private:
    std::vector<TimePoint> ends_;
    std::vector<StageTally> rows_;
};

} // namespace echoload
