// SPDX-License-Identifier: MIT
// Verifies what the connections of a loop receive, and notes what that means for the run.
#pragma once

#include "client/load/loop_status.hpp"
#include "client/load/run_control.hpp"
#include "client/load/session.hpp"
#include "client/measure/rate_course.hpp"
#include "client/pace/timed_queue.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace echoload {

/// Stores the wrong echoes of a loop, stops the run at the first one where it must not continue,
/// and remembers which sessions are undecided, to settle them after a resync window.
class EchoChecker {
public:
    /// `control` and `status` outlive it.
    EchoChecker(VerifyRules rules, const RunControl& control, LoopStatus& status)
        : rules_(std::move(rules)), control_(control), status_(status) {}

    /// As the functions of Session; connection `id` is remembered where it becomes undecided.
    [[nodiscard]] VerifyState verify(std::uint32_t id, Session& session,
                                     std::span<const std::byte> bytes, ReceiveTime time,
                                     Tally& tally) {
        return observe(id, session, time.now, tally,
                       [&] { return session.verify(rules_, bytes, time, tally, mismatches_); });
    }
    [[nodiscard]] VerifyState settle(std::uint32_t id, Session& session, ReceiveTime time,
                                     Tally& tally) {
        return observe(id, session, time.now, tally,
                       [&] { return session.settle(rules_, time, tally, mismatches_); });
    }
    void end_of_file(std::uint32_t id, Session& session, ReceiveTime time, Tally& tally) {
        (void)observe(id, session, time.now, tally, [&] {
            session.end_of_file(rules_, time, tally, mismatches_);
            return VerifyState::failed; // no more bytes will come
        });
    }

    /// The time `now`, and whether it lies in the measured window as RunControl has it now: it may
    /// have changed since the iteration began.
    [[nodiscard]] ReceiveTime time_of(TimePoint now) const noexcept {
        return {now, in_window(now)};
    }
    [[nodiscard]] bool in_window(TimePoint now) const noexcept {
        return now >= control_.measure_from() && now <= control_.stop_at();
    }

    /// Calls settle(id) for each connection whose resync window is over at `now`. A window that
    /// belongs to bytes which have been classified meanwhile is skipped.
    template <class SessionOf, class Settle>
    void settle_due(TimePoint now, SessionOf&& session_of, Settle&& settle) {
        while (const auto due = undecided_.take(now)) {
            if (session_of(due->id).undecided_since() == due->since) {
                settle(due->id);
            }
        }
    }

    /// When the next resync window is over; TimePoint::max() where there is none.
    [[nodiscard]] TimePoint next() const noexcept { return undecided_.next(); }

    /// A wrong echo came, and the run must not continue.
    [[nodiscard]] bool must_stop() const noexcept { return must_stop_; }

    /// When the last echo of the measured window was complete.
    [[nodiscard]] std::optional<TimePoint> last_measured() const noexcept { return last_measured_; }

    /// When how many echoes of the measured window came.
    [[nodiscard]] const RateCourse& course() const noexcept { return course_; }

    /// The wrong echoes that are described; call it once.
    [[nodiscard]] std::vector<Mismatch> take_mismatches() { return std::move(mismatches_); }

private:
    /// How long an undecided session waits for more bytes before it is settled.
    static constexpr Duration kResyncWindow = std::chrono::milliseconds(100);

    struct Undecided {
        std::uint32_t id;
        TimePoint since;
    };

    template <class Verify>
    [[nodiscard]] VerifyState observe(std::uint32_t id, Session& session, TimePoint now,
                                      const Tally& tally, Verify verify) {
        const std::uint64_t in_window = tally.messages.in_window;
        const std::uint64_t mismatches = tally.mismatches;
        const VerifyState state = verify();
        if (const std::uint64_t more = tally.messages.in_window - in_window; more != 0) {
            last_measured_ = now;
            course_.add(now - control_.measure_from(), more);
        }
        if (tally.mismatches != mismatches && !rules_.continue_on_mismatch) {
            must_stop_ = true;
            status_.note_wrong();
        }
        if (state == VerifyState::undecided && session.undecided_since() == now) {
            undecided_.add(now + kResyncWindow, {id, now}); // it began in this call
        }
        return state;
    }

    const VerifyRules rules_;
    const RunControl& control_;
    LoopStatus& status_;
    TimedQueue<Undecided> undecided_;
    std::vector<Mismatch> mismatches_;
    std::optional<TimePoint> last_measured_;
    RateCourse course_;
    bool must_stop_ = false;
};

} // namespace echoload
