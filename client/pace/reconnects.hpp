// SPDX-License-Identifier: MIT
// When connections that were lost or refused are opened again.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace echoload {

using echod::Duration;
using echod::TimePoint;

/// The connections of a loop that wait to be opened again: the first time at once, then after a
/// delay that doubles with each attempt, from kFirst up to a bound. Of each delay between one half
/// and all of it is waited, at random from the seed, so that the connections spread.
///
/// The bound is a millisecond for each connection of the loop, from kLeastBound to kMostBound: a
/// loop makes about a thousand attempts a second, and notices within about a millisecond that the
/// server is back, however many connections it has.
class Reconnects {
public:
    static constexpr Duration kFirst = std::chrono::milliseconds(10);
    static constexpr Duration kLeastBound = std::chrono::milliseconds(20);
    static constexpr Duration kMostBound = std::chrono::seconds(1);

    /// Connections are numbered 0 to connections - 1. `loop` tells the loops of a run apart, which
    /// have the same seed.
    Reconnects(std::uint32_t connections, std::uint64_t seed, std::uint32_t loop);

    /// Connection `id` was lost or refused at `now`.
    void add(std::uint32_t id, TimePoint now);

    /// Connection `id` works: its next loss is the first again.
    void works(std::uint32_t id) noexcept { attempts_[id] = 0; }

    /// Removes and returns a connection that is to be opened at `now`.
    [[nodiscard]] std::optional<std::uint32_t> take(TimePoint now);

    /// When take() returns the next one; TimePoint::max() where none waits.
    [[nodiscard]] TimePoint next() const noexcept {
        return waiting_.empty() ? TimePoint::max() : waiting_.top().first;
    }

    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
    void clear() noexcept { waiting_ = {}; }

private:
    using Waiting = std::pair<TimePoint, std::uint32_t>;

    const Duration bound_;
    std::vector<std::uint8_t> attempts_; ///< of each connection, since it worked
    std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
    std::mt19937_64 random_;
};

} // namespace echoload
