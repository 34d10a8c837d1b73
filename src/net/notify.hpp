// SPDX-License-Identifier: MIT
// The protocol of sd_notify(3), without waiting: the library's own functions wait as long as the
// service manager's queue is full.
#pragma once

#include "base/clock.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace echod {

/// Sends `text`, with duplicates of `fds`, to the service manager at `address`: the path of an
/// AF_UNIX socket, or an abstract name behind '@'. Never waits without `until`; with it, until then
/// at the latest for room in the manager's queue. Returns 0 or the errno; ETIMEDOUT: no room came.
[[nodiscard]] int send_notification(const char* address, std::string_view text,
                                    std::span<const int> fds = {},
                                    std::optional<TimePoint> until = std::nullopt) noexcept;

/// True where the same notification may well go a little later: the manager does not read for the
/// moment, or the system is out of descriptors or memory.
[[nodiscard]] bool is_worth_another_try(int error) noexcept;

/// Waits, until `until` at the latest, for the manager to have looked at all it was sent before.
/// Returns 0 or the errno; ETIMEDOUT: it has not.
[[nodiscard]] int await_manager(const char* address, TimePoint until) noexcept;

} // namespace echod
