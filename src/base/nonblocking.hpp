// SPDX-License-Identifier: MIT
// Writes to a pipe or terminal that others share, without blocking: its O_NONBLOCK belongs to the
// open file description and is never changed.
#pragma once

#include "base/unique_fd.hpp"

#include <sys/types.h>

#include <string_view>

namespace echod {

/// A new open file description of the pipe or terminal `fd`, with an O_NONBLOCK of its own. Nothing
/// where it cannot be opened: it is a terminal of another user, or /proc is not mounted.
[[nodiscard]] UniqueFd open_again(int fd);

/// Writes to a pipe or terminal that cannot be opened again what it takes within 20 ms, at most
/// PIPE_BUF bytes. Returns how many, or -1 with errno: EAGAIN where it takes nothing now. Uses
/// SIGALRM, so one thread at a time may call it.
[[nodiscard]] ssize_t write_interruptibly(int fd, std::string_view text) noexcept;

} // namespace echod
