// SPDX-License-Identifier: MIT
// Names of errno values, and the exception of a failed system call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace echod {

/// The symbolic name of an errno value ("ECONNRESET"), or "errno N" if it has none.
[[nodiscard]] std::string errno_name(int error);

/// The errno value with that errno_name(), or nothing where none has it.
[[nodiscard]] std::optional<int> errno_value(std::string_view name);

/// "ECONNRESET (Connection reset by peer)".
[[nodiscard]] std::string describe_errno(int error);

/// Throws std::system_error of `error`; its text starts with `what`. For set-up only: running loops
/// return failures as results.
[[noreturn]] void throw_errno(int error, std::string_view what);

} // namespace echod
