// SPDX-License-Identifier: MIT
// The course of a run, interval by interval, in constant memory.
#pragma once

#include "client/result/live_interval.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// The course of a run in at most kPoints points. Where there would be more, each two become one,
/// so that a run of any length has a chart: counts are added, and of the latencies the higher one
/// stays, so that a peak is never smoothed away.
class Timeline {
public:
    static constexpr std::size_t kPoints = 600;

    struct Point {
        Duration from{}; ///< since the start of the run
        Duration to{};
        std::uint64_t verified = 0;
        std::uint64_t errors = 0;
        std::uint64_t shed = 0;      ///< of an open loop
        std::uint32_t open = 0;      ///< connections up at the end
        std::optional<Duration> p50; ///< of an interval; the highest where the point has several
        std::optional<Duration> p99;
        std::optional<Duration> max;
        std::optional<Duration> lag; ///< p99 of an open loop's schedule lag
    };

    void add(const LiveInterval& interval);

    [[nodiscard]] const std::vector<Point>& points() const noexcept { return points_; }

    /// The intervals of a point; the last point may have fewer.
    [[nodiscard]] std::uint32_t stride() const noexcept { return stride_; }

private:
    std::vector<Point> points_;
    std::uint32_t stride_ = 1;
    std::uint32_t in_last_ = 0; ///< intervals in the last point
    Duration last_length_{};    ///< of the last interval
};

} // namespace echoload
