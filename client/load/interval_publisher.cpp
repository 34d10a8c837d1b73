// SPDX-License-Identifier: MIT
#include "client/load/interval_publisher.hpp"

#include <utility>

namespace echoload {

IntervalPublisher::IntervalPublisher(std::optional<Duration> interval, TimePoint start) noexcept
    : interval_(interval) {
    if (interval_) {
        next_ = start + *interval_;
    }
}

void IntervalPublisher::publish(LoopState state, TimePoint now) {
    {
        const std::lock_guard lock(mutex_);
        for (const Tally& tally : state.tallies) {
            published_.tally.merge(tally);
        }
        published_.addresses.resize(state.open.size());
        published_.open = 0;
        for (std::size_t place = 0; place < state.open.size(); ++place) {
            AddressInterval& address = published_.addresses[place];
            const MessageCounts& messages = state.tallies[place].messages;
            address.verified += messages.verified;
            address.failures += state.tallies[place].errors.total() + messages.wrong +
                                messages.timed_out + messages.lost;
            address.open = state.open[place];
            published_.open += address.open;
        }
        if (state.outages && published_.outages) {
            published_.outages->append(std::move(*state.outages));
        } else {
            published_.outages = std::move(state.outages);
        }
        has_published_ = true;
    }
    while (next_ <= now) {
        next_ += *interval_;
    }
}

std::optional<WorkerInterval> IntervalPublisher::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!has_published_) {
            return std::nullopt;
        }
        has_published_ = false;
        std::swap(published_, spare_);
    }
    std::optional<WorkerInterval> taken(spare_);
    spare_.tally.clear();
    spare_.addresses.clear();
    spare_.outages.reset();
    return taken;
}

} // namespace echoload
