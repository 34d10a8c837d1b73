// SPDX-License-Identifier: MIT
#include "client/pace/schedule.hpp"

#include <algorithm>

namespace echoload {

ConnectSchedule::ConnectSchedule(std::uint32_t total, std::optional<double> rate, TimePoint start,
                                 std::uint32_t places)
    : total_(total), places_(places), rate_(rate), start_(start), is_under_way_(total) {}

TimePoint ConnectSchedule::due() const noexcept {
    return start_ + Duration(static_cast<std::int64_t>(1e9 * taken_ / *rate_));
}

std::optional<std::uint32_t> ConnectSchedule::take(TimePoint now) {
    if (finished()) {
        return std::nullopt;
    }
    if (rate_) {
        return due() <= now ? std::optional(taken_++) : std::nullopt;
    }
    if (!take_again(taken_, now)) {
        return std::nullopt;
    }
    return taken_++;
}

bool ConnectSchedule::take_again(std::uint32_t id, TimePoint now) {
    if (rate_) {
        return true;
    }
    expire_waiting(now);
    if (under_way_ == places_) {
        return false;
    }
    is_under_way_[id] = true;
    ++under_way_;
    return true;
}

void ConnectSchedule::expire_waiting(TimePoint now) {
    while (!waiting_.empty() &&
           (waiting_.front().until <= now || !is_under_way_[waiting_.front().id])) {
        settled(waiting_.front().id);
        waiting_.pop_front();
    }
}

void ConnectSchedule::up(std::uint32_t id, TimePoint now) {
    if (is_under_way_[id]) {
        waiting_.push_back({id, now + kTimeout});
    }
}

void ConnectSchedule::settled(std::uint32_t id) noexcept {
    if (is_under_way_[id]) {
        is_under_way_[id] = false;
        --under_way_;
    }
}

std::optional<TimePoint> ConnectSchedule::next() const noexcept {
    if (finished()) {
        return std::nullopt;
    }
    return rate_ ? due() : next_again();
}

std::optional<TimePoint> ConnectSchedule::next_again() const noexcept {
    if (rate_ || under_way_ < places_) {
        return TimePoint::min();
    }
    return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().until);
}

Grant SendSchedule::grant(std::uint64_t outstanding) noexcept {
    if (stopped_ || holds() || outstanding >= pipeline_) {
        return {};
    }
    std::uint64_t count = pipeline_ - outstanding;
    if (measuring_ && budget_) {
        count = std::min(count, *budget_);
        *budget_ -= count;
    }
    return {static_cast<std::uint32_t>(count), measuring_};
}

} // namespace echoload
