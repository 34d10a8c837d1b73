// SPDX-License-Identifier: MIT
// The pause between an echo and the next message of a closed loop.
#pragma once

#include "base/clock.hpp"
#include "client/pace/timed_queue.hpp"

#include <cstdint>
#include <optional>

namespace echoload {

using echod::Duration;

/// With a think time, an echo makes room for a message only when the pause is over. All pauses have
/// the same length, so they end in the order in which they began.
class ThinkTimers {
public:
    /// The pause of a connection after some echoes that came together.
    struct Pause {
        std::uint32_t id;
        std::uint32_t generation; ///< of the connection, so that the pause of a closed one is stale
        std::uint32_t messages;   ///< that wait for its end
    };

    explicit ThinkTimers(Duration think) noexcept : think_(think) {}

    /// There are pauses.
    [[nodiscard]] bool enabled() const noexcept { return think_ != Duration::zero(); }

    void begin(const Pause& pause, TimePoint now) { pauses_.add(now + think_, pause); }

    /// The next pause that is over at `now`.
    [[nodiscard]] std::optional<Pause> take(TimePoint now) { return pauses_.take(now); }

    /// When the next pause ends; TimePoint::max() where there is none.
    [[nodiscard]] TimePoint next() const noexcept { return pauses_.next(); }

private:
    Duration think_;
    TimedQueue<Pause> pauses_;
};

} // namespace echoload
