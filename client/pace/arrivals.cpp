// SPDX-License-Identifier: MIT
#include "client/pace/arrivals.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace echoload {

namespace {

std::mt19937_64 random_of(std::uint64_t seed, std::uint32_t index) {
    const std::array<std::uint32_t, 3> words = {static_cast<std::uint32_t>(seed),
                                                static_cast<std::uint32_t>(seed >> 32U), index};
    std::seed_seq sequence(words.begin(), words.end());
    return std::mt19937_64(sequence);
}

} // namespace

Arrivals::Arrivals(const Pace& pace, Arrival arrival, std::optional<Duration> length,
                   std::optional<std::uint64_t> messages, LoopShare share, std::uint64_t seed)
    : warm_up_curve_(pace.first), measured_curve_(pace, length), warms_up_(pace.first > 0),
      arrival_(arrival), first_position_(share.index), stride_(share.loops), left_(messages),
      random_(random_of(seed, share.index)) {}

void Arrivals::begin(TimePoint warm_up, TimePoint measured) noexcept {
    begun_ = true;
    measured_from_ = measured;
    origin_ = warm_up;
    position_ = arrival_ == Arrival::poisson ? gap() : first_position_;
    next_ = warm_up < measured && warms_up_ ? due(position_) : measured;
    if (next_ >= measured) {
        begin_measured();
    }
}

void Arrivals::begin_measured() noexcept {
    measured_ = true;
    origin_ = measured_from_;
    segment_ = 0;
    position_ = arrival_ == Arrival::poisson ? gap() : first_position_;
    next_ = left_ == 0 ? kNever : due(position_);
}

std::uint64_t Arrivals::left(TimePoint until) const noexcept {
    const TimePoint end = measured_ ? until : std::min(until, measured_from_);
    if (next_ == kNever || next_ > end) {
        return 0;
    }
    const std::uint64_t most = measured_ && left_ ? *left_ : std::uint64_t{1} << 62U;
    if (end == kNever) {
        return most;
    }
    const double position = curve().position_at(end - origin_);
    const double count = std::clamp((position - position_) / stride_, 1.0, 1e18);
    return std::min(most, static_cast<std::uint64_t>(count));
}

void Arrivals::advance(std::uint64_t count) noexcept {
    if (measured_ && left_ && (*left_ -= count) == 0) {
        next_ = kNever;
        return;
    }
    position_ += gap() + static_cast<double>(count - 1) * stride_;
    next_ = due(position_);
    if (!measured_ && next_ >= measured_from_) {
        begin_measured();
    }
}

double Arrivals::gap() noexcept {
    if (arrival_ == Arrival::constant) {
        return stride_;
    }
    // A Poisson process that is distributed to n loops at random is n processes of 1/n of the rate.
    constexpr double kUnit = 0x1p-53;
    return -std::log1p(-static_cast<double>(random_() >> 11U) * kUnit) * stride_;
}

// Positions do not fall between calls, but for the beginning of the measured part.
TimePoint Arrivals::due(double position) noexcept {
    const auto since = curve().time_of(position, segment_);
    return since ? origin_ + *since : kNever;
}

} // namespace echoload
