// SPDX-License-Identifier: MIT
// The wait of a run with --start-at.
#pragma once

#include "client/options/options.hpp"
#include "client/report/interruptions.hpp"

namespace echoload {

/// The time at which the run is to begin. Throws NotPossible, with the difference and the state of
/// the clock, where that is past at `now`, the time of this machine.
[[nodiscard]] WallTime start_time(const StartAt& start, WallTime now);

/// How long before the start connections are opened.
[[nodiscard]] Duration time_to_connect(const Options& options);

/// Waits until the connections of a run that begins at `start` are to be opened, and says so on
/// standard error unless --quiet is given. Returns the signal that ended the wait, or 0. Throws
/// Interrupted.
[[nodiscard]] int wait_to_connect(const Options& options, WallTime start,
                                  Interruptions& interruptions);

} // namespace echoload
