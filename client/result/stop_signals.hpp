// SPDX-License-Identifier: MIT
// The signals that end a run.
#pragma once

#include "net/signal_fd.hpp"

#include <cstdint>

namespace echoload {

/// What SIGHUP does.
enum class Hangup : std::uint8_t {
    ends,    ///< it ends the run, as the others
    pends,   ///< it is left to another reader, for which it is blocked
    is_read, ///< it is read, also where it was ignored
};

/// What a run needs signals for besides its end.
struct RunSignals {
    bool snapshots = false; ///< SIGUSR1
    Hangup hangup = Hangup::ends;
};

/// SIGINT, SIGTERM, SIGQUIT and SIGHUP, and those of `others`; they are blocked for the calling
/// thread from then on. Of SIGINT, SIGQUIT and SIGHUP, those are left out that the program was
/// started with as ignored: a job in the background of a script, nohup(1). Throws
/// std::system_error.
[[nodiscard]] echod::SignalFd stop_signals(const RunSignals& others = {});

/// "SIGINT".
[[nodiscard]] const char* name_of_signal(int signal) noexcept;

} // namespace echoload
