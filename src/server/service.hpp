// SPDX-License-Identifier: MIT
// The service manager: the sockets it passes and what it is told.
#pragma once

#include "server/listener.hpp"

#include <optional>
#include <string>
#include <vector>

namespace echod {

/// The listening sockets that systemd passed (sd_listen_fds_with_names(3)), now ours, close-on-exec
/// and non-blocking; empty where none were. The variables are removed. Throws std::runtime_error
/// that names the descriptor which is no listening stream socket of TCP or AF_UNIX, or the
/// variable that makes no sense.
[[nodiscard]] std::vector<Listener> passed_listeners();

/// What the service manager is told (sd_notify(3)). Without one, every call does nothing.
class ServiceManager {
public:
    void ready(const std::string& status);
    /// The line that `systemctl status` shows.
    void status(const std::string& text);
    /// `at_most`: how long the stop may take before the manager loses patience.
    void stopping(const std::string& status, Duration at_most);
    /// The loop is alive.
    void feed_watchdog();
};

/// How often the watchdog wants to be fed at the latest (WatchdogSec=, sd_watchdog_enabled(3));
/// nothing where there is none for this process.
[[nodiscard]] std::optional<Duration> watchdog_timeout();

/// Tells the service manager that a reload runs; that it is over when the scope ends, however it
/// ends, so that the unit can't be left in "reloading".
class ReloadScope {
public:
    ReloadScope();
    ~ReloadScope();
    ReloadScope(const ReloadScope&) = delete;
    ReloadScope& operator=(const ReloadScope&) = delete;
};

} // namespace echod
