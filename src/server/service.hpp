// SPDX-License-Identifier: MIT
// The service manager: the sockets it passes and what it is told.
#pragma once

#include "server/handover.hpp"
#include "server/listener.hpp"

#include <optional>
#include <string>
#include <vector>

namespace echod {

/// The descriptors that the service manager passed (sd_listen_fds_with_names(3)), now ours.
struct PassedDescriptors {
    std::vector<Listener> listeners;     ///< of socket units
    std::vector<Listener> own_listeners; ///< opened by the process before, from its configuration
    Inheritance inheritance;             ///< its connections
    bool stored = false; ///< some of them are still in the manager's store: see empty_store()
};

/// Takes them: close-on-exec, the listeners non-blocking. The variables are removed. What the
/// process before had stored stays in the store as well: whoever fails now is started again with
/// it. Throws std::runtime_error that names the descriptor which is no listening
/// stream socket of TCP or AF_UNIX, or the variable that makes no sense.
[[nodiscard]] PassedDescriptors take_passed_descriptors();

/// Has the manager forget what one process left to the next: once it is taken over, for a stored
/// duplicate would keep a listening socket open that is closed here; or where it came to nothing,
/// for the next process would take it for the truth.
void empty_store() noexcept;

/// What the service manager is told (sd_notify(3)). Without one, every call does nothing.
class ServiceManager {
public:
    /// True where there is one to talk to.
    [[nodiscard]] bool present() const noexcept;

    /// Leaves descriptors with the manager for the next process (FileDescriptorStoreMax=) and waits
    /// until it has looked at them. False where it did not. It drops what its store has no room
    /// for without a word: the connections come last, so where it holds them it holds all, and our
    /// own copy of them is closed, so that other_end_is_held() tells.
    [[nodiscard]] bool store(Inheritance inheritance, const std::vector<Listener>& listeners);

    /// Returns 0, or the errno where a manager is named but cannot be told.
    [[nodiscard]] int ready(const std::string& status);
    /// The line that `systemctl status` shows. Held back, and false, where the last one was told
    /// less than a second ago: a manager that is stuck would stop whoever tells it more than it can
    /// queue.
    bool status(const std::string& text, TimePoint now);
    /// `at_most`: how long the stop may take before the manager loses patience.
    void stopping(const std::string& status, Duration at_most);
    /// The loop is alive.
    void feed_watchdog();

private:
    std::optional<TimePoint> next_status_;
};

/// How often the watchdog wants to be fed at the latest (WatchdogSec=, sd_watchdog_enabled(3));
/// nothing where there is none for this process. Throws std::runtime_error that names the variable
/// which makes no sense.
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
