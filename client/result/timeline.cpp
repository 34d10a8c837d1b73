// SPDX-License-Identifier: MIT
#include "client/result/timeline.hpp"

#include <algorithm>

namespace echoload {

namespace {

void join(Timeline::Point& point, const Timeline::Point& next) {
    point.to = next.to;
    point.verified += next.verified;
    point.errors += next.errors;
    point.shed += next.shed;
    point.open = next.open;
    point.p50 = std::max(point.p50, next.p50); // no value is less than any value
    point.p99 = std::max(point.p99, next.p99);
    point.max = std::max(point.max, next.max);
    point.lag = std::max(point.lag, next.lag);
}

} // namespace

void Timeline::add(const LiveInterval& interval) {
    const Histogram& latency = loop_latency(interval.tally, interval.open_loop);
    const Tally& tally = interval.tally;
    const Point point{interval.at - interval.length,
                      interval.at,
                      tally.messages.verified,
                      tally.errors.total(),
                      tally.messages.shed,
                      interval.open,
                      latency.percentile(50),
                      latency.percentile(99),
                      latency.max(),
                      tally.lag.percentile(99)};
    // The rest at the end is too short for a rate of its own.
    const bool is_rest = !points_.empty() && 2 * interval.length < last_length_;
    last_length_ = interval.length;
    if (!points_.empty() && (in_last_ < stride_ || is_rest)) {
        join(points_.back(), point);
        ++in_last_;
        return;
    }
    if (points_.size() == kPoints) {
        for (std::size_t i = 0; i < kPoints / 2; ++i) {
            points_[i] = points_[2 * i];
            join(points_[i], points_[2 * i + 1]);
        }
        points_.resize(kPoints / 2);
        stride_ *= 2;
    }
    points_.push_back(point);
    in_last_ = 1;
}

} // namespace echoload
