// SPDX-License-Identifier: MIT
// When the messages of an open loop are due.
#pragma once

#include "base/clock.hpp"
#include "base/enum_names.hpp"
#include "client/pace/pace_curve.hpp"

#include <cstdint>
#include <optional>
#include <random>

namespace echoload {

/// How the messages of an open loop follow each other.
enum class Arrival : std::uint8_t {
    constant, ///< evenly
    poisson,  ///< at random, as from many independent users
};

/// One of several loops.
struct LoopShare {
    std::uint32_t index = 0;
    std::uint32_t loops = 1;
};

/// Of `total` things, those whose number modulo `loops` is `index`: how many. The shares of all
/// loops add up to the total.
[[nodiscard]] constexpr std::uint64_t share_of(std::uint64_t total, LoopShare share) noexcept {
    return total / share.loops + (share.index < total % share.loops ? 1 : 0);
}

/// How many things the shares of the loops before it have.
[[nodiscard]] constexpr std::uint64_t first_of(std::uint64_t total, LoopShare share) noexcept {
    const std::uint64_t larger = total % share.loops;
    return total / share.loops * share.index + (share.index < larger ? share.index : larger);
}

/// When one loop's share of the messages is due: with n loops, each has every nth message.
///
/// Message k is due when k messages have come due by the integral of the rate: at k / rate after
/// the start where that is constant. It does not depend on the run, so that a stall of the server
/// or the client moves no message. For Poisson arrivals, k is replaced by a sum of random gaps
/// whose mean is 1.
class Arrivals {
public:
    static constexpr TimePoint kNever = TimePoint::max();

    /// `length` is that of the measured part, which a ramp without stages needs; `messages` limits
    /// this loop's measured ones; `seed` makes Poisson arrivals repeatable.
    Arrivals(const Pace& pace, Arrival arrival, std::optional<Duration> length,
             std::optional<std::uint64_t> messages, LoopShare share, std::uint64_t seed);

    /// The warm-up, at the first rate, begins at `warm_up`, the measured part at `measured`.
    void begin(TimePoint warm_up, TimePoint measured) noexcept;

    /// begin() was called.
    [[nodiscard]] bool begun() const noexcept { return begun_; }

    /// When the next message is due; kNever before begin() and after the last one.
    [[nodiscard]] TimePoint next() const noexcept { return next_; }

    /// The next message belongs to the measured part.
    [[nodiscard]] bool measured() const noexcept { return measured_; }

    /// As many measured messages as were to be sent have been due. Where next() is kNever without
    /// that, the rate is 0 until the end.
    [[nodiscard]] bool exhausted() const noexcept { return measured_ && left_ == 0; }

    /// Moves on by `count` messages, at most left().
    void advance(std::uint64_t count = 1) noexcept;

    /// About how many messages are due from next() to `until` in the current part of the run, the
    /// warm-up or the measured one. Never more than there are.
    [[nodiscard]] std::uint64_t left(TimePoint until) const noexcept;

private:
    void begin_measured() noexcept;
    [[nodiscard]] double gap() noexcept;
    [[nodiscard]] const PaceCurve& curve() const noexcept {
        return measured_ ? measured_curve_ : warm_up_curve_;
    }
    [[nodiscard]] TimePoint due(double position) noexcept;

    PaceCurve warm_up_curve_;
    PaceCurve measured_curve_;
    bool warms_up_; ///< the first rate is not 0
    Arrival arrival_;
    double first_position_; ///< of this loop's first message
    double stride_;         ///< positions from one of this loop's messages to the next
    std::optional<std::uint64_t> left_;
    std::mt19937_64 random_;

    double position_ = 0;     ///< of the next message: how many of all come before it
    std::size_t segment_ = 0; ///< of curve(), in which that is
    TimePoint origin_;
    TimePoint measured_from_;
    TimePoint next_ = kNever;
    bool begun_ = false;
    bool measured_ = false;
};

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Arrival> =
    echod::names_up_to<echoload::Arrival::poisson>({"const", "poisson"});
