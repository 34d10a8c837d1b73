// SPDX-License-Identifier: MIT
// How long the iterations of the loop take, as a histogram.
#pragma once

#include "base/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace echod {

/// Counts turns by length, since the start. A maximum cannot show that long turns have ended; the
/// increase of these counts can.
class TurnHistogram {
public:
    /// The upper bounds of the buckets, inclusive; one more bucket has the longer turns.
    static constexpr std::array<Duration, 14> kBounds = {
        std::chrono::microseconds(100),  std::chrono::microseconds(250),
        std::chrono::microseconds(500),  std::chrono::milliseconds(1),
        std::chrono::microseconds(2500), std::chrono::milliseconds(5),
        std::chrono::milliseconds(10),   std::chrono::milliseconds(25),
        std::chrono::milliseconds(50),   std::chrono::milliseconds(100),
        std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
        std::chrono::seconds(1),         std::chrono::milliseconds(2500)};

    /// Counts a turn. Nearly all are in the first bucket, which costs one comparison.
    void note(Duration turn) noexcept {
        sum_ += turn;
        if (turn <= kBounds.front()) {
            ++counts_.front();
        } else {
            note_long(turn);
        }
    }

    /// The turns of each bucket, not cumulated.
    [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const noexcept {
        return counts_;
    }
    /// The length of all turns together: the time in which the loop was busy.
    [[nodiscard]] Duration sum() const noexcept { return sum_; }

private:
    void note_long(Duration turn) noexcept {
        std::size_t bucket = 1;
        while (bucket < kBounds.size() && turn > kBounds[bucket]) {
            ++bucket;
        }
        ++counts_[bucket];
    }

    std::array<std::uint64_t, kBounds.size() + 1> counts_{};
    Duration sum_{};
};

} // namespace echod
