// SPDX-License-Identifier: MIT
// A limit on how often a message is logged.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>

namespace echod {

/// Lets a message through at most once in 10 s and counts the occurrences in between.
class RateLimit {
public:
    /// `times`: how often the event occurred. Returns how many occurrences, beside this one, are
    /// new since the last message that passed; nothing where the message is suppressed.
    [[nodiscard]] std::optional<std::uint64_t> allow(TimePoint now,
                                                     std::uint64_t times = 1) noexcept;

private:
    static constexpr Duration kPause = std::chrono::seconds(10);
    std::optional<TimePoint> next_;
    std::uint64_t suppressed_ = 0;
};

} // namespace echod
