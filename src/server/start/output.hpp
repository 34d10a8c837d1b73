// SPDX-License-Identifier: MIT
// Standard output of the actions that print something and exit.
#pragma once

namespace echod {

/// Flushes standard output. Returns the exit status: 1, with a message, where that fails, as on a
/// full disk.
[[nodiscard]] int flush_output();

} // namespace echod
