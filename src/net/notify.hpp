// SPDX-License-Identifier: MIT
// The protocol of sd_notify(3), without blocking: the library's own functions block while the queue
// of the service manager is full.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace echod {

/// Sends `text`, with duplicates of `fds`, to the service manager at `address`: the path of an
/// AF_UNIX socket, or '@' and an abstract name. Without `until` it does not wait; with it, it waits
/// until then for room in the manager's queue. Returns 0 or the errno; ETIMEDOUT: there was no
/// room.
[[nodiscard]] int send_notification(const char* address, std::string_view text,
                                    std::span<const int> fds = {},
                                    std::optional<TimePoint> until = std::nullopt) noexcept;

/// True for an error after which the same notification may succeed a little later: the manager does
/// not read at the moment, or the system is out of file descriptors or memory.
[[nodiscard]] bool is_transient(int error) noexcept;

/// Asks the manager for an answer, and waits for room in its queue as send_notification() does.
/// Sets `answer` to a descriptor that hangs up (EPOLLHUP) once the manager has processed all
/// earlier notifications. Returns 0 or the errno.
[[nodiscard]] int send_barrier(const char* address, UniqueFd& answer,
                               std::optional<TimePoint> until = std::nullopt) noexcept;

/// Waits until the manager has processed all earlier notifications, at most until `until`. Returns
/// 0 or the errno; ETIMEDOUT: it has not processed them.
[[nodiscard]] int notify_barrier(const char* address, TimePoint until) noexcept;

} // namespace echod
