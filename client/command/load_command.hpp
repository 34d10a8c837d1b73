// SPDX-License-Identifier: MIT
// The command that runs a load and reports its result.
#pragma once

#include "client/options/options.hpp"
#include "client/report/interruptions.hpp"

namespace echoload {

/// Checks, runs, judges and reports; returns the exit code of the verdict. Blocks the signals that
/// end a run and SIGUSR1 in the calling thread. Throws BadTarget, and NotPossible where the file of
/// the result cannot be opened.
[[nodiscard]] int run_and_report(const Options& options, Interruptions& interruptions);

} // namespace echoload
