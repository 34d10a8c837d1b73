// SPDX-License-Identifier: MIT
// The command that runs a load several times.
#pragma once

#include "client/options/repeat_options.hpp"
#include "client/report/interruptions.hpp"

namespace echoload {

/// Runs the series, writes a line per run and all results to one file; returns the exit code of the
/// worst verdict. A signal ends the series. Blocks the signals that end a run and SIGUSR1 in the
/// calling thread. Throws BadTarget, NotPossible where a name cannot be resolved or the file cannot
/// be opened, and Interrupted.
[[nodiscard]] int repeat_and_report(const RepeatOptions& options, Interruptions& interruptions);

} // namespace echoload
