// SPDX-License-Identifier: MIT
#include "server/service/manager.hpp"

#include "base/clock.hpp"
#include "base/ignore_bad_alloc.hpp"
#include "base/sys_error.hpp"
#include "net/notify.hpp"
#include "net/socket.hpp"
#include "server/service/store_names.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace echod {

namespace {

const char* address() noexcept {
    return std::getenv("NOTIFY_SOCKET");
}

// The pause after an attempt that found the manager's queue full.
constexpr Duration kRetry = std::chrono::milliseconds(100);

constexpr std::string_view kStoreRemove = "FDSTOREREMOVE=1";

// A name in the store may have 255 bytes (sd_pid_notify_with_fds(3)).
std::string passed_name(const std::string& fd_name) {
    constexpr std::size_t kLongest = 255;
    return (store_name::kPassed + fd_name).substr(0, kLongest);
}

bool is_store_remove(std::string_view text) noexcept {
    return text.rfind(kStoreRemove, 0) == 0;
}

// The later of two notifications of one kind replaces the earlier one.
std::string_view kind_of(std::string_view text) noexcept {
    return is_store_remove(text) ? text : text.substr(0, text.find('\n'));
}

} // namespace

bool ServiceManager::present() const noexcept {
    return address() != nullptr;
}

// Sends the notification now, or queues it. It goes behind what is queued already: READY=1 before
// RELOADING=1 would mean something else.
int ServiceManager::notify(std::string_view text) noexcept {
    if (!present()) {
        return 0;
    }
    std::erase_if(queued_,
                  [text](const std::string& queued) { return kind_of(queued) == kind_of(text); });
    if (queued_.empty()) {
        retry_at_ = kNever;
        const int error = send_notification(address(), text);
        if (!is_transient(error)) {
            return error;
        }
    }
    ignore_bad_alloc([&] { queued_.emplace_back(text); });
    if (retry_at_ == kNever) {
        retry_at_ = Clock::now() + kRetry;
    }
    return 0;
}

bool ServiceManager::send_queued(std::optional<TimePoint> until) noexcept {
    auto next = queued_.begin();
    while (next != queued_.end()) {
        const int error = send_notification(address(), *next, {}, until);
        if (error == ETIMEDOUT || is_transient(error)) {
            break;
        }
        ++next; // sent, or it can never be sent
    }
    queued_.erase(queued_.begin(), next);
    return queued_.empty();
}

void ServiceManager::retry(TimePoint now) noexcept {
    if (now < retry_at_) {
        return;
    }
    retry_at_ = kNever;
    if (!send_queued(std::nullopt)) {
        retry_at_ = now + kRetry;
    }
}

void ServiceManager::finish() noexcept {
    std::erase_if(queued_, [](const std::string& text) { return !is_store_remove(text); });
    (void)send_queued(Clock::now() + kTimeout);
}

int ServiceManager::ask(UniqueFd& answer) noexcept {
    // Behind what is queued: the answer is that the manager has processed all of it.
    const int error = send_queued(std::nullopt) ? send_barrier(address(), answer) : EAGAIN;
    if (error != 0) {
        answer.reset();
    }
    return error;
}

bool ServiceManager::store(HandoverFds handover_fds, const std::vector<Listener>& listeners,
                           TimePoint until) {
    const auto store = [until](int fd, const char* name) {
        // FDPOLL=0: otherwise the manager drops the descriptor at a hang-up.
        const std::string text = fmt::format("FDSTORE=1\nFDPOLL=0\nFDNAME={}", name);
        return send_notification(address(), text, std::array{fd}, until) == 0;
    };
    // The queue goes first: a queued FDSTOREREMOVE=1 would remove what is stored now.
    bool stored = send_queued(until) && store(handover_fds.state.get(), store_name::kState);
    for (const Listener& listener : listeners) {
        if (!listener.passed) {
            stored = stored && store(listener.fd.get(), store_name::kListener);
        }
    }
    stored = stored && store(handover_fds.connections.get(), store_name::kConnections);
    for (const Listener& listener : listeners) {
        if (listener.passed) {
            // The socket unit, if it is restarted meanwhile, opens the same address (ReusePort=).
            set_reuse_port(listener.fd.get(), true);
            add_stored_names({listener.fd_name});
            stored = stored && store(listener.fd.get(), passed_name(listener.fd_name).c_str());
        }
    }
    handover_fds.connections.reset();
    return stored && notify_barrier(address(), until) == 0;
}

void ServiceManager::clear_store() noexcept {
    const auto remove = [this](std::string_view name) {
        ignore_bad_alloc([&] { (void)notify(fmt::format("{}\nFDNAME={}", kStoreRemove, name)); });
    };
    for (const char* name : {store_name::kConnections, store_name::kState, store_name::kListener}) {
        remove(name);
    }
    for (const std::string& name : stored_names_) {
        remove(name);
    }
    stored_names_.clear();
}

void ServiceManager::add_stored_names(const std::vector<std::string>& fd_names) {
    for (const std::string& fd_name : fd_names) {
        std::string name = passed_name(fd_name);
        if (std::find(stored_names_.begin(), stored_names_.end(), name) == stored_names_.end()) {
            stored_names_.push_back(std::move(name));
        }
    }
}

void ServiceManager::set_notices(std::string before, std::string after) noexcept {
    before_status_ = std::move(before);
    after_status_ = std::move(after);
}

std::string ServiceManager::status_field(const std::string& text) const {
    return fmt::format("STATUS={}{}{}", before_status_, text, after_status_);
}

int ServiceManager::ready(const std::string& status) {
    return notify("READY=1\n" + status_field(status));
}

bool ServiceManager::status(const std::string& text, TimePoint now) {
    constexpr Duration kPause = std::chrono::seconds(1);
    if (next_status_ && now < *next_status_) {
        return false;
    }
    next_status_ = now + kPause;
    // The queue may hold an older status, which would then be sent later.
    return !present() ||
           (queued_.empty() && !is_transient(send_notification(address(), status_field(text))));
}

void ServiceManager::reloading() noexcept {
    ignore_bad_alloc([this] {
        const auto now =
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
        (void)notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
    });
}

void ServiceManager::reloaded(const std::string& status) noexcept {
    bool sent = false;
    ignore_bad_alloc([&] {
        if (!status.empty()) {
            (void)ready(status);
            sent = true;
        }
    });
    if (!sent) {
        (void)notify("READY=1"); // the end of the reload must not be lost
    }
}

void ServiceManager::stopping(const std::string& status, Duration at_most) {
    const auto us = std::chrono::ceil<std::chrono::microseconds>(at_most);
    (void)notify(
        fmt::format("STOPPING=1\n{}\nEXTEND_TIMEOUT_USEC={}", status_field(status), us.count()));
}

void ServiceManager::feed_watchdog() noexcept {
    (void)notify("WATCHDOG=1");
}

std::optional<Duration> watchdog_timeout() {
    // Below kLeast the loop would do little else; above kMost a Duration overflows.
    constexpr std::uint64_t kLeast = 1'000;
    constexpr std::uint64_t kMost = 365ULL * 24 * 3600 * 1'000'000;
    std::uint64_t us = 0;
    const int enabled = sd_watchdog_enabled(0, &us);
    if (enabled < 0) {
        throw std::runtime_error(
            fmt::format("WATCHDOG_USEC or WATCHDOG_PID is invalid: {}", describe_errno(-enabled)));
    }
    if (enabled == 0) {
        return std::nullopt;
    }
    if (us < kLeast) {
        throw std::runtime_error(
            fmt::format("WATCHDOG_USEC must be at least {}, is {}", kLeast, us));
    }
    return std::chrono::microseconds(std::min(us, kMost));
}

} // namespace echod
