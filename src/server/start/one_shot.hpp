// SPDX-License-Identifier: MIT
// The actions that print something and exit, without serving.
#pragma once

#include "server/start/command_line.hpp"

namespace echod {

/// Flushes standard output. Returns the exit status: 1, with a message, where that fails, as on a
/// full disk.
[[nodiscard]] int flush_output();

/// Carries out any action but Action::serve. Returns the exit status. Throws ConfigError, and
/// std::runtime_error where the daemon does not answer.
[[nodiscard]] int run_one_shot(const CommandLine& command_line);

} // namespace echod
