// SPDX-License-Identifier: MIT
// The actions that print something and exit, without serving.
#pragma once

#include "server/start/command_line.hpp"

namespace echod {

/// Carries out any action but Action::serve. Returns the exit status. Throws ConfigError, and
/// std::runtime_error where the daemon does not answer.
[[nodiscard]] int run_one_shot(const CommandLine& command_line);

} // namespace echod
