// SPDX-License-Identifier: MIT
// A range in which a figure lies with 95 % confidence.
#pragma once

namespace echoload {

/// Both bounds belong to it.
struct Interval {
    double low = 0;
    double high = 0;
};

/// The part of all intervals that miss their figure, half of it on each side.
inline constexpr double kMissed = 0.05;

} // namespace echoload
