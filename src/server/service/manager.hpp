// SPDX-License-Identifier: MIT
// Notifications to the service manager (sd_notify(3)). What the manager passes to the daemon is in
// passed_sockets.hpp.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "server/handover/handover_fds.hpp"
#include "server/listener/listener.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// Sends notifications to the service manager; without one (NOTIFY_SOCKET is unset), every call
/// does nothing. Only store() waits for a manager that does not read: a status is dropped then,
/// every other notification is queued and sent again, in order.
class ServiceManager {
public:
    /// True where NOTIFY_SOCKET names a manager.
    [[nodiscard]] bool present() const noexcept;

    /// Asks the manager for an answer, without waiting. Sets `answer` to a descriptor that hangs up
    /// once it has processed all notifications. Returns 0 or the errno; see is_transient().
    [[nodiscard]] int ask(UniqueFd& answer) noexcept;

    /// Stores descriptors for the new process (FileDescriptorStoreMax=) and waits until the manager
    /// has handled them, at most until `until`. False where it did not. The manager silently drops
    /// descriptors that its store has no room for. Therefore the connections come last and our copy
    /// of them is closed: where they are stored, everything is, and peer_is_open() shows whether
    /// they are. Only passed listeners come after them, because the manager passes those itself,
    /// unless their socket unit has changed.
    [[nodiscard]] bool store(HandoverFds handover_fds, const std::vector<Listener>& listeners,
                             TimePoint until);

    /// Removes our descriptors from the manager's store: after a restore, because a stored
    /// duplicate would keep a listening socket open that is closed here; after a failed handover,
    /// because the new process would restore connections that are gone.
    void clear_store() noexcept;

    /// Names passed listeners that clear_store() removes too (Listener::fd_name), besides those
    /// that store() was called with.
    void add_stored_names(const std::vector<std::string>& fd_names);

    /// Adds text before and after each status from now on.
    void set_notices(std::string before, std::string after) noexcept;

    /// READY=1. Returns 0, or the errno where the manager cannot be notified.
    [[nodiscard]] int ready(const std::string& status);
    /// STATUS=: the line that `systemctl status` shows. Returns false, and the status is dropped,
    /// less than a second after the last attempt or where the manager does not read.
    bool status(const std::string& text, TimePoint now);
    /// RELOADING=1 and READY=1: see ReloadScope. `status` may be empty: the old one stays.
    void reloading() noexcept;
    void reloaded(const std::string& status) noexcept;
    /// STOPPING=1. `at_most`: how long the stop may take (EXTEND_TIMEOUT_USEC=).
    void stopping(const std::string& status, Duration at_most);
    /// WATCHDOG=1.
    void feed_watchdog() noexcept;

    /// When retry() is due; nothing where the queue is empty.
    [[nodiscard]] TimePoint retry_at() const noexcept { return retry_at_; }
    /// Sends what is queued, as far as the manager takes it.
    void retry(TimePoint now) noexcept;

    /// At the end, when no client is left: sends the queued FDSTOREREMOVE=1 and waits for the
    /// manager to take them, for at most 5 s. Every other queued notification is obsolete.
    void finish() noexcept;

private:
    static constexpr Duration kTimeout = std::chrono::seconds(5);

    int notify(std::string_view text) noexcept;
    [[nodiscard]] std::string status_field(const std::string& text) const;
    [[nodiscard]] bool send_queued(std::optional<TimePoint> until) noexcept;

    std::vector<std::string> stored_names_; ///< of passed listeners, each once
    std::string before_status_;
    std::string after_status_;
    std::optional<TimePoint> next_status_;
    std::vector<std::string> queued_; ///< to be sent again, the oldest first; one of each kind
    TimePoint retry_at_ = kNever;
};

/// The watchdog's timeout (WatchdogSec=, sd_watchdog_enabled(3)); nothing where there is none for
/// this process. Throws std::runtime_error that names the invalid variable.
[[nodiscard]] std::optional<Duration> watchdog_timeout();

} // namespace echod
