// SPDX-License-Identifier: MIT
// The phases of a run, decided here and passed to the loops through RunControl. No thread and no
// clock: the time is handed in.
//
//   ramp-up    until each connection is up or has failed. With -d, those that are up exchange
//              messages already; with -n they wait, so that all N messages are spread over all.
//              With --start-at they wait for that time.
//   warm-up    --warmup: as after it, but not measured.
//   measured   -d or -n. A message belongs to it by the time it is granted.
//   drain      nothing new is sent; messages in flight are answered or time out.
#pragma once

#include "base/clock.hpp"
#include "client/load/run_control.hpp"
#include "client/run/live_sink.hpp"

#include <optional>

namespace echoload {

using echod::TimePoint;

/// The part of the options that the phases depend on.
struct PhaseLengths {
    Duration warmup{};
    std::optional<Duration> duration; ///< of the measured part; nothing: until all is answered
    Duration timeout{};               ///< of a message
};

class Phases {
public:
    /// `control` and `live` outlive it.
    Phases(const PhaseLengths& lengths, RunControl& control, const LiveSink& live) noexcept
        : lengths_(lengths), control_(control), live_(live) {}

    /// Whether the ramp-up is not over. It never ends once a signal came.
    [[nodiscard]] bool is_ramping_up() const noexcept;

    /// Ends the ramp-up: the warm-up begins, but not before `not_before`, and after it the measured
    /// part.
    void end_ramp_up(TimePoint now, TimePoint not_before = TimePoint::min()) noexcept;

    /// A signal that ends the run. The first ends the measured part and lets messages in flight be
    /// answered for up to a second; a second signal ends the run at once.
    void interrupt(int signal, TimePoint now) noexcept;

    /// Ends the measured part at `now`, if it is not over, as the first signal does.
    void end_early(TimePoint now) noexcept;

    /// The first signal of interrupt(), or 0.
    [[nodiscard]] int signal() const noexcept { return signal_; }

    /// Ends the run where the time after a signal or end_early() is over. Whether it did.
    [[nodiscard]] bool expire_grace(TimePoint now) noexcept;

    /// Reports the begin and the end of the measured part, which `answered` ends early: everything
    /// that was to be measured has been answered or given up.
    void update(TimePoint now, bool answered);

    /// When update() or expire_grace() have to be called next; kNever where nothing is due.
    [[nodiscard]] TimePoint next_deadline(TimePoint now) const noexcept;

    /// The measured part up to `now`; nothing before it begins.
    [[nodiscard]] std::optional<Duration> measured_until(TimePoint now) const noexcept;

private:
    const PhaseLengths lengths_;
    RunControl& control_;
    const LiveSink& live_;
    TimePoint grace_ends_ = RunControl::kNever;
    int signal_ = 0;
    bool began_ = false; ///< the measured part
    bool ended_ = false; ///< the measured part
};

} // namespace echoload
