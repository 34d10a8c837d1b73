// SPDX-License-Identifier: MIT
// Entries that are due later, in the order in which they were added.
#pragma once

#include "base/clock.hpp"

#include <deque>
#include <optional>
#include <utility>

namespace echoload {

using echod::TimePoint;

/// A queue for one delay that is the same for all entries, so that they fall due in the order in
/// which they are added. An entry whose time is earlier than that of the entry before it waits for
/// that one. Each operation is O(1).
template <class T>
class TimedQueue {
public:
    void add(TimePoint when, T entry) { entries_.emplace_back(when, std::move(entry)); }

    /// Removes and returns the first entry if it is due at `now`.
    [[nodiscard]] std::optional<T> take(TimePoint now) {
        if (entries_.empty() || entries_.front().first > now) {
            return std::nullopt;
        }
        std::optional<T> entry(std::move(entries_.front().second));
        entries_.pop_front();
        return entry;
    }

    /// When the first entry is due; TimePoint::max() where there is none.
    [[nodiscard]] TimePoint next() const noexcept {
        return entries_.empty() ? TimePoint::max() : entries_.front().first;
    }

    void clear() noexcept { entries_.clear(); }

private:
    std::deque<std::pair<TimePoint, T>> entries_;
};

} // namespace echoload
