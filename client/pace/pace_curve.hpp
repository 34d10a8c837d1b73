// SPDX-License-Identifier: MIT
// The rate of an open loop over time, and its integral: how many messages are due by when.
#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace echoload {

using echod::Duration;
using echod::TimePoint;

/// A part of a schedule in which the rate changes evenly from `first` to `last` messages a second.
struct Stage {
    double first = 0;
    double last = 0;
    Duration length{};
};

/// The rate of an open loop, of all its messages together.
struct Pace {
    double first = 0; ///< messages a second when the measured part begins
    double last = 0;  ///< when it ends; without stages the rate changes evenly in between
    std::vector<Stage> stages{}; ///< one after the other; none: the rate needs no length

    /// Whether it depends on a length of the measured part.
    [[nodiscard]] bool is_ramp() const noexcept { return first != last || !stages.empty(); }
};

/// The sum of the stages' lengths.
[[nodiscard]] Duration length_of(const std::vector<Stage>& stages) noexcept;

/// The number of messages due as a function of the time since the beginning, and its inverse. Both
/// follow from the rate alone.
class PaceCurve {
public:
    /// `rate` without an end.
    explicit PaceCurve(double rate);

    /// The curve of `pace` over a measured part of `length`, which a ramp without stages needs. It
    /// ends with the last stage; without stages it has no end.
    PaceCurve(const Pace& pace, std::optional<Duration> length);

    /// How many messages come before the time `since` the beginning.
    [[nodiscard]] double position_at(Duration since) const noexcept;

    /// When as many messages have come as `position` says, and another one is due: at the
    /// beginning of the next stage with a rate where one ends there. Nothing where none comes any
    /// more, or not within 30 years. `segment` begins at 0 and is remembered between calls with
    /// positions that do not fall.
    [[nodiscard]] std::optional<Duration> time_of(double position,
                                                  std::size_t& segment) const noexcept;

private:
    struct Segment {
        Duration from{};
        Duration length = Duration::max(); ///< of the last one of a curve without an end
        double before = 0;                 ///< messages that come before it
        double after = 0;                  ///< and those by its end
        double rate = 0;                   ///< at its beginning
        double slope = 0;                  ///< how much the rate grows in a second

        [[nodiscard]] bool is_endless() const noexcept { return length == Duration::max(); }
    };

    std::vector<Segment> segments_;
};

} // namespace echoload
