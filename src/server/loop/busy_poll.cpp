// SPDX-License-Identifier: MIT
#include "server/loop/busy_poll.hpp"

#include <algorithm>

namespace echod {

void BusyPoll::configure(std::optional<Duration> setting) noexcept {
    if (setting == fixed_) {
        return; // a reload forgets nothing
    }
    fixed_ = setting;
    window_ = setting.value_or(Duration::zero());
    misses_ = 0;
    last_pause_ = {};
    paused_until_ = {};
}

void BusyPoll::set_useful(bool useful) noexcept {
    useful_ = useful;
    if (!useful && is_auto()) {
        window_ = {};
    }
}

void BusyPoll::adapt(Duration idle, Duration longest_poll, TimePoint now) noexcept {
    const bool polled = longest_poll != Duration::zero();
    if (longest_poll > kLost || (polled && ++misses_ >= kMisses)) {
        const bool again = now < forgotten_at_;
        pause(now, again ? std::min(last_pause_ * 2, kLongestPause) : kPause);
    } else if (idle > kLongest) {
        window_ /= 2;
        window_ = window_ < kShortest ? Duration::zero() : window_;
    } else if (useful_ && idle > window_) {
        window_ = std::clamp(window_ * 2, kShortest, kLongest);
    }
}

void BusyPoll::note_throttled(TimePoint now) noexcept {
    pause(now, kThrottledPause);
}

void BusyPoll::pause(TimePoint now, Duration length) noexcept {
    if (is_auto()) {
        window_ = {};
        misses_ = 0;
        last_pause_ = std::min(length, kLongestPause);
        paused_until_ = now + length;
        forgotten_at_ = paused_until_ + kMemory;
    }
}

} // namespace echod
