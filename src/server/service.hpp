// SPDX-License-Identifier: MIT
// The service manager: the sockets it passes and what it is told.
#pragma once

#include "base/clock.hpp"
#include "server/handover.hpp"
#include "server/listener.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// The descriptors that the service manager passed (sd_listen_fds_with_names(3)), now ours.
struct PassedDescriptors {
    std::vector<Listener> listeners;     ///< of socket units
    std::vector<Listener> own_listeners; ///< opened by the process before, from its configuration
    Inheritance inheritance;             ///< its connections
    bool stored = false; ///< some of them are still in the manager's store, to be emptied
};

/// Takes them: close-on-exec, the listeners non-blocking. The variables are removed. What the
/// process before had stored stays in the store as well: whoever fails now is started again with
/// it. Throws std::runtime_error that names the descriptor which is no listening
/// stream socket of TCP or AF_UNIX, or the variable that makes no sense.
[[nodiscard]] PassedDescriptors take_passed_descriptors();

/// What the service manager is told (sd_notify(3)). Without one, every call does nothing. The loop
/// never waits for a manager that does not read: a status is left out then, and all else is kept
/// and sent again, in order.
class ServiceManager {
public:
    /// True where there is one to talk to.
    [[nodiscard]] bool present() const noexcept;

    /// Leaves descriptors with the manager for the next process (FileDescriptorStoreMax=) and waits
    /// until it has looked at them, at most kPatience for all of it. False where it did not. It
    /// drops what its store has no room for without a word: the connections come last, so where it
    /// holds them it holds all, and our own copy of them is closed, so that other_end_is_held()
    /// tells.
    [[nodiscard]] bool store(Inheritance inheritance, const std::vector<Listener>& listeners);

    /// Has the manager forget what one process left to the next: once it is taken over, for a
    /// stored duplicate would keep a listening socket open that is closed here; or where it came to
    /// nothing, for the next process would take it for the truth.
    void empty_store() noexcept;

    /// Returns 0, or the errno where a manager is named but cannot be told.
    [[nodiscard]] int ready(const std::string& status);
    /// The line that `systemctl status` shows. Left out, and false, where the last attempt is less
    /// than a second ago, so that the manager isn't kept busy, or where it does not read.
    bool status(const std::string& text, TimePoint now);
    void reloading() noexcept;
    void reloaded() noexcept;
    /// `at_most`: how long the stop may take before the manager loses patience.
    void stopping(const std::string& status, Duration at_most);
    /// The loop is alive.
    void feed_watchdog() noexcept;

    /// When retry() is due; nothing where nothing is kept.
    [[nodiscard]] std::optional<TimePoint> retry_at() const noexcept { return retry_at_; }
    /// Sends what is kept, as far as the manager takes it.
    void retry(TimePoint now) noexcept;

    /// At the end, with no client left to keep waiting: what the manager is to forget and has not
    /// been told yet is told, for at most kPatience. All else that is kept means nothing any more.
    void finish() noexcept;

private:
    static constexpr Duration kPatience = std::chrono::seconds(5);

    int tell(std::string_view text) noexcept;
    [[nodiscard]] bool send_kept(std::optional<TimePoint> until) noexcept;

    std::optional<TimePoint> next_status_;
    std::vector<std::string> kept_; ///< to be sent again, the oldest first; one of each kind
    std::optional<TimePoint> retry_at_;
};

/// How often the watchdog wants to be fed at the latest (WatchdogSec=, sd_watchdog_enabled(3));
/// nothing where there is none for this process. Throws std::runtime_error that names the variable
/// which makes no sense.
[[nodiscard]] std::optional<Duration> watchdog_timeout();

/// Tells the service manager that a reload runs; that it is over when the scope ends, however it
/// ends, so that the unit can't be left in "reloading".
class ReloadScope {
public:
    /// Borrows `manager` for the scope.
    explicit ReloadScope(ServiceManager& manager) noexcept : manager_(manager) {
        manager_.reloading();
    }
    ~ReloadScope() { manager_.reloaded(); }
    ReloadScope(const ReloadScope&) = delete;
    ReloadScope& operator=(const ReloadScope&) = delete;

private:
    ServiceManager& manager_;
};

} // namespace echod
