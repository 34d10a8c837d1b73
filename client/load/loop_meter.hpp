// SPDX-License-Identifier: MIT
// Measures what a loop itself uses: processor time, long iterations, polling.
#pragma once

#include "base/clock.hpp"
#include "client/result/loop_use.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace echoload {

using echod::TimePoint;

/// Measures the calling thread from begin() to end(). Iterations and polling outside of that are
/// ignored. It reads no clock.
class LoopMeter {
public:
    /// The measured part begins.
    void begin(TimePoint now) noexcept;

    /// The measured part ends; nothing where it has not begun or has ended already.
    void end(TimePoint now) noexcept;

    [[nodiscard]] bool begun() const noexcept { return begun_; }
    [[nodiscard]] bool ended() const noexcept { return result_.has_value(); }

    /// The wait for events has returned with some of them, at `now`.
    void woke(TimePoint now) noexcept {
        note_late(now);
        woke_ = now;
    }

    /// The loop will wait for events, until that time at the latest.
    void sleeps_until(TimePoint when) noexcept { sleeps_until_ = when; }

    /// An iteration that began at `began` had nothing to do and did not sleep.
    void polled(TimePoint began) noexcept { polling_since_ = began; }

    /// The loop polled once instead of sleeping, which took that long.
    void polled_for(Duration poll) noexcept {
        if (begun_ && !result_) {
            use_.polled += std::min(poll, kLongestPoll);
        }
    }

    /// The iteration before is complete, and the next one begins. What arrives during an iteration
    /// waits for the next one, so its length is what the loop itself may add to a latency.
    void begin_iteration(TimePoint now) noexcept {
        note_late(now); // where no event came
        if (woke_ != kNever && begun_) {
            const Duration turn = now - std::max(woke_, since_);
            if (turn > kLongestTurn) [[unlikely]] {
                note_gap(turn);
            }
            use_.longest_turn = std::max(use_.longest_turn, turn);
            use_.turns_total += turn;
            ++use_.turns;
        }
        if (polling_since_ != kNever && begun_) {
            use_.polled += std::min(now - std::max(polling_since_, since_), kLongestPoll);
        }
        woke_ = kNever;
        polling_since_ = kNever;
    }

    /// What the measured part used, once it has ended.
    [[nodiscard]] const std::optional<LoopUse>& result() const noexcept { return result_; }

private:
    static constexpr TimePoint kNever = TimePoint::max();
    /// A poll that takes longer was interrupted: another thread ran on the processor meanwhile.
    static constexpr Duration kLongestPoll = std::chrono::microseconds(50);
    /// A sleep that ends later than that, and a turn that takes longer, are gaps: the thread was
    /// stopped or had no processor. What a loop has to do in a turn takes a few milliseconds.
    static constexpr Duration kLatest = std::chrono::milliseconds(10);
    static constexpr Duration kLongestTurn = std::chrono::milliseconds(50);

    void note_late(TimePoint now) noexcept {
        if (sleeps_until_ != kNever && now - sleeps_until_ > kLatest) [[unlikely]] {
            note_gap(now - std::max(sleeps_until_, since_));
        }
        sleeps_until_ = kNever;
    }
    void note_gap(Duration gap) noexcept {
        if (begun_ && !result_) {
            use_.gaps += gap;
            use_.longest_gap = std::max(use_.longest_gap, gap);
        }
    }

    TimePoint woke_ = kNever;
    TimePoint polling_since_ = kNever;
    TimePoint sleeps_until_ = kNever;
    TimePoint since_ = kNever;
    LoopUse use_; ///< until the end, `user` and `system` are those at the beginning
    bool begun_ = false;
    std::optional<LoopUse> result_;
};

} // namespace echoload
