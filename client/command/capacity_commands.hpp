// SPDX-License-Identifier: MIT
// The commands that find out how much a server can take.
#pragma once

#include "client/options/capacity_options.hpp"
#include "client/report/interruptions.hpp"

namespace echoload {

/// Search for the highest rate that holds, and run a load at several points; both report and return
/// the exit code. A signal ends the runs, and those so far are reported. Block the signals that end
/// a run and SIGUSR1 in the calling thread. Throw BadTarget, NotPossible where a name cannot be
/// resolved or a file cannot be opened, and Interrupted.
[[nodiscard]] int search_and_report(const SearchOptions& options, Interruptions& interruptions);
[[nodiscard]] int sweep_and_report(const SweepOptions& options, Interruptions& interruptions);

} // namespace echoload
