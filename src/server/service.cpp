// SPDX-License-Identifier: MIT
#include "server/service.hpp"

#include "base/clock.hpp"
#include "base/sys_error.hpp"
#include "net/notify.hpp"
#include "net/socket.hpp"
#include "server/out_of_memory.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace echod {

namespace {

// The strings and the array that sd_listen_fds_with_names() allocates.
struct NamesDeleter {
    void operator()(char** names) const noexcept {
        for (char** name = names; name != nullptr && *name != nullptr; ++name) {
            std::free(*name);
        }
        std::free(names);
    }
};

// "TCP", or what it is instead of a listening stream.
std::string describe_socket(int fd) {
    if (sd_is_socket(fd, AF_UNSPEC, 0, -1) <= 0) {
        return "no socket";
    }
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_DGRAM, -1) > 0) {
        return "a datagram socket";
    }
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, -1) <= 0) {
        return "no stream socket";
    }
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
        return "not listening (Accept=yes in the socket unit?)";
    }
    return "of another address family";
}

bool is_usable(int fd) {
    for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
        if (sd_is_socket(fd, family, SOCK_STREAM, 1) > 0) {
            return true;
        }
    }
    return false;
}

} // namespace

namespace {

// Names in the descriptor store.
constexpr const char* kConnectionsName = "echod-connections";
constexpr const char* kStateName = "echod-state";
constexpr const char* kListenerName = "echod-listener";

Listener as_listener(UniqueFd fd, const std::string& name, bool passed) {
    if (!is_usable(fd.get())) {
        throw std::runtime_error(
            fmt::format("passed descriptor {} (\"{}\") must be a listening stream socket of TCP or "
                        "AF_UNIX, is {}",
                        fd.get(), name, describe_socket(fd.get())));
    }
    set_nonblocking(fd.get());
    std::string text = local_endpoint(fd.get()).to_string();
    if (passed) {
        text += fmt::format(" (\"{}\")", name);
    }
    return {std::move(fd), std::move(text), passed};
}

} // namespace

PassedDescriptors take_passed_descriptors() {
    char** raw_names = nullptr;
    const int count = sd_listen_fds_with_names(1, &raw_names);
    const std::unique_ptr<char*, NamesDeleter> names(raw_names);
    if (count < 0) {
        throw std::runtime_error(fmt::format(
            "LISTEN_FDS, LISTEN_PID or LISTEN_FDNAMES make no sense: {}", describe_errno(-count)));
    }
    PassedDescriptors passed;
    for (int i = 0; i < count; ++i) {
        UniqueFd fd(SD_LISTEN_FDS_START + i);
        const std::string name = names.get()[i];
        if (name == kConnectionsName) {
            passed.inheritance.connections = std::move(fd);
        } else if (name == kStateName) {
            passed.inheritance.state = std::move(fd);
        } else if (name == kListenerName) {
            passed.own_listeners.push_back(as_listener(std::move(fd), name, false));
        } else {
            passed.listeners.push_back(as_listener(std::move(fd), name, true));
        }
    }
    passed.stored = passed.inheritance || !passed.own_listeners.empty();
    return passed;
}

namespace {

const char* address() noexcept {
    return std::getenv("NOTIFY_SOCKET");
}

// How long a manager that does not read is left alone.
constexpr Duration kRetry = std::chrono::milliseconds(100);

constexpr std::string_view kForget = "FDSTOREREMOVE=1";

bool is_forget(std::string_view text) noexcept {
    return text.rfind(kForget, 0) == 0;
}

// Of two notifications of a kind the later one is all there is to know.
std::string_view kind_of(std::string_view text) noexcept {
    return is_forget(text) ? text : text.substr(0, text.find('\n'));
}

} // namespace

bool ServiceManager::present() const noexcept {
    return address() != nullptr;
}

// Tells it now, or keeps it. Behind what is kept already, for an order turned round would mean
// something else: READY=1 before RELOADING=1.
int ServiceManager::tell(std::string_view text) noexcept {
    if (!present()) {
        return 0;
    }
    std::erase_if(kept_,
                  [text](const std::string& other) { return kind_of(other) == kind_of(text); });
    if (kept_.empty()) {
        retry_at_.reset();
        const int error = send_notification(address(), text);
        if (!is_worth_another_try(error)) {
            return error;
        }
    }
    unless_memory_is_out([&] { kept_.emplace_back(text); });
    if (!retry_at_) {
        retry_at_ = Clock::now() + kRetry;
    }
    return 0;
}

bool ServiceManager::send_kept(std::optional<TimePoint> until) noexcept {
    auto next = kept_.begin();
    while (next != kept_.end()) {
        const int error = send_notification(address(), *next, {}, until);
        if (error == ETIMEDOUT || is_worth_another_try(error)) {
            break;
        }
        ++next; // it is told, or never can be
    }
    kept_.erase(kept_.begin(), next);
    return kept_.empty();
}

void ServiceManager::retry(TimePoint now) noexcept {
    if (!retry_at_ || now < *retry_at_) {
        return;
    }
    retry_at_.reset();
    if (!send_kept(std::nullopt)) {
        retry_at_ = now + kRetry;
    }
}

void ServiceManager::finish() noexcept {
    std::erase_if(kept_, [](const std::string& text) { return !is_forget(text); });
    (void)send_kept(Clock::now() + kPatience);
}

bool ServiceManager::store(Inheritance inheritance, const std::vector<Listener>& listeners) {
    const TimePoint until = Clock::now() + kPatience;
    const auto store = [until](int fd, const char* name) {
        // FDPOLL=0: the manager is not to watch it and drop it at a hang-up.
        const std::string text = fmt::format("FDSTORE=1\nFDPOLL=0\nFDNAME={}", name);
        return send_notification(address(), text, std::array{fd}, until) == 0;
    };
    // First what is kept: told later, the manager would forget what it gets now.
    bool stored = send_kept(until) && store(inheritance.state.get(), kStateName);
    for (const Listener& listener : listeners) {
        if (!listener.passed) {
            stored = stored && store(listener.fd.get(), kListenerName);
        }
    }
    stored = stored && store(inheritance.connections.get(), kConnectionsName);
    inheritance.connections.reset();
    return stored && await_manager(address(), until) == 0;
}

void ServiceManager::empty_store() noexcept {
    for (const char* name : {kConnectionsName, kStateName, kListenerName}) {
        unless_memory_is_out([&] { (void)tell(fmt::format("{}\nFDNAME={}", kForget, name)); });
    }
}

int ServiceManager::ready(const std::string& status) {
    return tell(fmt::format("READY=1\nSTATUS={}", status));
}

bool ServiceManager::status(const std::string& text, TimePoint now) {
    constexpr Duration kPause = std::chrono::seconds(1);
    if (next_status_ && now < *next_status_) {
        return false;
    }
    next_status_ = now + kPause;
    // What is kept may hold a status, which is older.
    return !present() ||
           (kept_.empty() &&
            !is_worth_another_try(send_notification(address(), fmt::format("STATUS={}", text))));
}

void ServiceManager::reloading() noexcept {
    unless_memory_is_out([this] {
        const auto now =
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
        (void)tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
    });
}

void ServiceManager::reloaded() noexcept {
    (void)tell("READY=1");
}

void ServiceManager::stopping(const std::string& status, Duration at_most) {
    const auto us = std::chrono::ceil<std::chrono::microseconds>(at_most);
    (void)tell(fmt::format("STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", status, us.count()));
}

void ServiceManager::feed_watchdog() noexcept {
    (void)tell("WATCHDOG=1");
}

std::optional<Duration> watchdog_timeout() {
    // Below the least nothing but feeding would be done; beyond the most a Duration overflows.
    constexpr std::uint64_t kLeast = 1'000;
    constexpr std::uint64_t kMost = 365ULL * 24 * 3600 * 1'000'000;
    std::uint64_t us = 0;
    const int enabled = sd_watchdog_enabled(0, &us);
    if (enabled < 0) {
        throw std::runtime_error(fmt::format("WATCHDOG_USEC or WATCHDOG_PID makes no sense: {}",
                                             describe_errno(-enabled)));
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
