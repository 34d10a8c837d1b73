// SPDX-License-Identifier: MIT
// Signals that end a run, and the wait for a reader of its results.
#pragma once

#include "base/clock.hpp"
#include "client/result/stop_signals.hpp"
#include "net/signal_fd.hpp"

#include <optional>

namespace echoload {

/// A second signal came, which does not wait for anything; or one came before the run.
struct Interrupted {
    int signal = 0;
};

/// The signals that end a run: after the first one its results are still written, and waited for;
/// the second one ends the program. Until they are waited for, the first one ends it.
class Interruptions {
public:
    /// SIGHUP is none of them; it stays pending until a run reads it. To be called before the
    /// others. Throws std::system_error.
    void leave_hangup_pending();

    /// To wait for one of them. Borrowed. The first call, and the first wait, block them for the
    /// calling thread. Throws std::system_error.
    [[nodiscard]] echod::SignalFd& signals();

    /// `signal` has ended the run; 0 changes nothing.
    void note(int signal) noexcept;

    /// Waits until `fd` is writable, or has an error. Throws Interrupted at the second signal and
    /// after it: what can be written without waiting still is.
    void wait_writable(int fd);

    /// Waits a short time for what is to be tried again. Throws Interrupted if a signal has come.
    void wait_before_the_run();

    /// Waits for `time`, or until a signal comes. Returns the first signal that has come, or 0.
    [[nodiscard]] int pause(echod::Duration time);

private:
    Hangup hangup_ = Hangup::ends;
    std::optional<echod::SignalFd> signals_;
    int first_ = 0;  ///< the first signal that came, or 0
    int second_ = 0; ///< the one that ended the waits, or 0
};

} // namespace echoload
