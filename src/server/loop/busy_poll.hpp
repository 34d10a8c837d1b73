// SPDX-License-Identifier: MIT
// How long the loop polls for the next event before it sleeps: loop.busy_poll of echod.toml(5).
#pragma once

#include "base/clock.hpp"

#include <optional>

namespace echod {

/// Going to sleep and being woken takes longer than echoing a message. A loop that polls saves that
/// where the next event comes soon, and wastes processor time where it does not.
///
/// A fixed time is kept whatever happens. "auto" starts at zero and learns from the waits, as KVM
/// does with halt_poll_ns: a wait that polling for kLongest would have covered makes the window
/// twice as long, one that it would not have covered makes it half as long. A short wait may also
/// be one that polling itself makes long, because the client needs the same processor. Therefore
/// "auto" pauses once it polled in vain kMisses times more often than with success, and after the
/// loop lost its processor while it polled: another process wants it, or the control group has used
/// up its quota. The class knows no system call; time is handed in.
class BusyPoll {
public:
    /// The longest window of "auto": about twice what a sleep and a wake-up cost, so polling in
    /// vain at most doubles or trebles the cost of a wait.
    static constexpr Duration kLongest = std::chrono::microseconds(50);
    /// The shortest window of "auto".
    static constexpr Duration kShortest = std::chrono::microseconds(10);
    /// Polls in vain, less those with success, after which "auto" pauses.
    static constexpr int kMisses = 16;
    /// A poll takes about a microsecond. One that took longer than this was interrupted, maybe by
    /// the very client that sent the event, which would also have run if the loop slept.
    static constexpr Duration kInterrupted = std::chrono::microseconds(5);
    /// The loop lost its processor to another process for a whole turn.
    static constexpr Duration kLost = std::chrono::microseconds(500);
    /// How long "auto" is off after so many misses, and after a loss of the processor. It is off
    /// twice as long after each that comes less than kMemory after the end of the last pause, up to
    /// kLongestPause. A busy machine takes the processor now and then, so that is not long.
    static constexpr Duration kPause = std::chrono::milliseconds(100);
    static constexpr Duration kLongestPause = std::chrono::seconds(1);
    static constexpr Duration kMemory = std::chrono::seconds(20);
    /// How long "auto" is off after the control group was throttled.
    static constexpr Duration kThrottledPause = std::chrono::minutes(1);

    /// `setting`: a fixed time, zero for off, or nothing for "auto".
    void configure(std::optional<Duration> setting) noexcept;

    /// False: "auto" is off, because there is a single processor.
    void set_useful(bool useful) noexcept;

    [[nodiscard]] bool is_auto() const noexcept { return !fixed_; }

    /// The setting is zero: then neither window() nor note_wait() is needed.
    [[nodiscard]] bool is_off() const noexcept { return fixed_ == Duration::zero(); }

    /// How long to poll after an iteration that ended at `now`; zero: sleep at once.
    [[nodiscard]] Duration window(TimePoint now) const noexcept {
        return now < paused_until_ ? Duration::zero() : window_;
    }

    /// The next event came at `now`, `idle` after the end of an iteration. `longest_poll`: the
    /// longest time that a single poll took; zero where there was none, or an event already.
    void note_wait(Duration idle, Duration longest_poll, TimePoint now) noexcept {
        if (fixed_) {
            return;
        }
        if (idle > window_ || longest_poll > kInterrupted) {
            adapt(idle, longest_poll, now);
        } else if (misses_ > 0 && longest_poll != Duration::zero()) {
            --misses_;
        }
    }

    /// The loop polled for that long.
    void note_polled(Duration length) noexcept { polled_ += length; }

    /// How long the loop has polled since the start.
    [[nodiscard]] Duration polled() const noexcept { return polled_; }

    /// The control group was stopped because its quota was used up.
    void note_throttled(TimePoint now) noexcept;

private:
    void adapt(Duration idle, Duration longest_poll, TimePoint now) noexcept;
    void pause(TimePoint now, Duration length) noexcept;

    std::optional<Duration> fixed_ = Duration::zero();
    bool useful_ = true;
    Duration window_{};
    Duration polled_{};
    int misses_ = 0; ///< more than polls with success
    Duration last_pause_{};
    TimePoint forgotten_at_{}; ///< when a pause is kPause again
    TimePoint paused_until_{};
};

} // namespace echod
