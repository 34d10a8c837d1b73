// SPDX-License-Identifier: MIT
#include "client/pace/pace_curve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace echoload {

namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();
constexpr double kFarthest = 1e9; // seconds; the longest run has 3.6e6

// Rates are whole numbers and lengths have nanoseconds: what is as near to a whole number as this
// is one, or a message at the border of two stages would be in the wrong one.
constexpr double kRounding = 1e-7;

double whole_if_near(double number) {
    const double whole = std::round(number);
    return std::abs(number - whole) < kRounding ? whole : number;
}

// The time, in seconds, by which `count` messages come at a rate that begins with `rate` and grows
// by `slope` a second, solved without cancellation; kEndless where the rate reaches zero before.
double seconds_of_count(double count, double rate, double slope) noexcept {
    if (slope == 0) {
        return count / rate;
    }
    if (count <= 0) {
        return 0;
    }
    const double square = rate * rate + 2 * slope * count;
    return square < 0 ? kEndless : 2 * count / (rate + std::sqrt(square));
}

} // namespace

Duration length_of(const std::vector<Stage>& stages) noexcept {
    Duration sum{};
    for (const Stage& stage : stages) {
        sum += stage.length;
    }
    return sum;
}

PaceCurve::PaceCurve(double rate) : PaceCurve(Pace{rate, rate}, std::nullopt) {}

PaceCurve::PaceCurve(const Pace& pace, std::optional<Duration> length) {
    if (pace.stages.empty()) {
        Segment segment;
        segment.after = kEndless;
        segment.rate = pace.first;
        if (pace.is_ramp() && length) {
            segment.slope = (pace.last - pace.first) / echod::to_seconds(*length);
        }
        segments_.push_back(segment);
        return;
    }
    Duration from{};
    double before = 0;
    for (const Stage& stage : pace.stages) {
        const double seconds = echod::to_seconds(stage.length);
        const double after = whole_if_near(before + (stage.first + stage.last) / 2 * seconds);
        segments_.push_back(
            {from, stage.length, before, after, stage.first, (stage.last - stage.first) / seconds});
        from += stage.length;
        before = after;
    }
}

double PaceCurve::position_at(Duration since) const noexcept {
    const auto behind =
        std::upper_bound(segments_.begin(), segments_.end(), since,
                         [](Duration time, const Segment& segment) { return time < segment.from; });
    if (behind == segments_.begin()) {
        return 0;
    }
    const Segment& segment = *std::prev(behind);
    if (!segment.is_endless() && since - segment.from >= segment.length) {
        return segment.after;
    }
    const double seconds = echod::to_seconds(since - segment.from);
    return segment.before + segment.rate * seconds + segment.slope * seconds * seconds / 2;
}

std::optional<Duration> PaceCurve::time_of(double position, std::size_t& segment) const noexcept {
    while (segment != segments_.size() && position >= segments_[segment].after) {
        ++segment;
    }
    if (segment == segments_.size()) {
        return std::nullopt;
    }
    const Segment& now = segments_[segment];
    const double seconds =
        seconds_of_count(std::max(position - now.before, 0.0), now.rate, now.slope);
    if (now.is_endless()) {
        return seconds < kFarthest ? std::optional(Duration(std::llround(seconds * 1e9)))
                                   : std::nullopt;
    }
    const double longest = echod::to_seconds(now.length);
    const Duration within(std::llround(std::min(seconds, longest) * 1e9));
    return now.from + std::min(within, now.length - Duration(1)); // it belongs to this stage
}

} // namespace echoload
