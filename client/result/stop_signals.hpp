// SPDX-License-Identifier: MIT
// The signals that end a run.
#pragma once

#include "net/signal_fd.hpp"

namespace echoload {

/// What a run needs signals for besides its end.
struct RunSignals {
    bool snapshots = false; ///< SIGUSR1
    bool reopens = false;   ///< SIGHUP, also where it was ignored; it does not end the run then
};

/// SIGINT, SIGTERM, SIGQUIT and SIGHUP, and those of `others`; they are blocked for the calling
/// thread from then on. Of SIGINT, SIGQUIT and SIGHUP, those are left out that the program was
/// started with as ignored: a job in the background of a script, nohup(1). Throws
/// std::system_error.
[[nodiscard]] echod::SignalFd stop_signals(const RunSignals& others = {});

/// "SIGINT".
[[nodiscard]] const char* name_of_signal(int signal) noexcept;

} // namespace echoload
