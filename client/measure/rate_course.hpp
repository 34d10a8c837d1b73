// SPDX-License-Identifier: MIT
// How many messages were echoed when, in constant memory.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace echoload {

using echod::Duration;

/// Counts over the measured part, in bins of equal length. When a time lies behind the last bin,
/// the bins become twice as long, so that a run of any length takes 64 to 128 of them.
class RateCourse {
public:
    static constexpr std::size_t kBins = 128;

    /// Adds `count` at the time `since` the measured part began; a negative one counts as zero.
    void add(Duration since, std::uint64_t count) noexcept {
        const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(since.count(), 0));
        if (ns >> shift_ >= kBins) [[unlikely]] {
            cover(ns);
        }
        bins_[ns >> shift_] += count;
    }

    void merge(const RateCourse& other) noexcept;

    /// Makes the bins long enough for the time `ns`, in nanoseconds.
    void cover(std::uint64_t ns) noexcept;

    [[nodiscard]] std::span<const std::uint64_t> bins() const noexcept { return bins_; }

    /// The length of a bin.
    [[nodiscard]] Duration width() const noexcept { return Duration(std::int64_t{1} << shift_); }

private:
    void fold() noexcept;

    static constexpr unsigned kFirstShift = 23; ///< bins of 8.4 ms

    std::array<std::uint64_t, kBins> bins_{};
    unsigned shift_ = kFirstShift;
};

} // namespace echoload
