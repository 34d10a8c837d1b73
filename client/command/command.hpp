// SPDX-License-Identifier: MIT
// The commands of echoload: a run, repeat, merge, compare and show. This room joins the others: it
// parses, calls and reports, and maps errors to exit codes.
#pragma once

namespace echoload {

/// Runs the command that argv names, writes its result and returns the exit code. An error is one
/// line on standard error.
[[nodiscard]] int run_command(int argc, const char* const* argv);

} // namespace echoload
