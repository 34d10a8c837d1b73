// SPDX-License-Identifier: MIT
#include "client/load/interval_publisher.hpp"

namespace echoload {

IntervalPublisher::IntervalPublisher(std::optional<Duration> interval, TimePoint start) noexcept
    : interval_(interval) {
    if (interval_) {
        next_ = start + *interval_;
    }
}

void IntervalPublisher::publish(std::span<const Tally> tallies, std::uint32_t open, TimePoint now) {
    {
        const std::lock_guard lock(mutex_);
        for (const Tally& tally : tallies) {
            published_.tally.merge(tally);
        }
        published_.open = open;
        has_published_ = true;
    }
    while (next_ <= now) {
        next_ += *interval_;
    }
}

std::optional<WorkerInterval> IntervalPublisher::take() {
    const std::lock_guard lock(mutex_);
    if (!has_published_) {
        return std::nullopt;
    }
    has_published_ = false;
    std::optional<WorkerInterval> taken(published_);
    published_.tally.clear();
    return taken;
}

} // namespace echoload
