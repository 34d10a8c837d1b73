// SPDX-License-Identifier: MIT
#include "server/service.hpp"

#include "base/clock.hpp"
#include "base/sys_error.hpp"
#include "net/socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
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

void empty_store() noexcept {
    for (const char* name : {kConnectionsName, kStateName, kListenerName}) {
        (void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name); // NOLINT: its interface
    }
}

bool ServiceManager::present() const noexcept {
    return std::getenv("NOTIFY_SOCKET") != nullptr;
}

bool ServiceManager::store(Inheritance inheritance, const std::vector<Listener>& listeners) {
    const auto store = [](int fd, const char* name) {
        // FDPOLL=0: the manager is not to watch it and drop it at a hang-up.
        const std::string text = fmt::format("FDSTORE=1\nFDPOLL=0\nFDNAME={}", name);
        return sd_pid_notify_with_fds(0, 0, text.c_str(), &fd, 1) > 0;
    };
    bool stored = store(inheritance.state.get(), kStateName);
    for (const Listener& listener : listeners) {
        if (!listener.passed) {
            stored = stored && store(listener.fd.get(), kListenerName);
        }
    }
    stored = stored && store(inheritance.connections.get(), kConnectionsName);
    inheritance.connections.reset();
    constexpr std::uint64_t kPatience = 5'000'000; // microseconds
    return stored && sd_notify_barrier(0, kPatience) > 0;
}

int ServiceManager::ready(const std::string& status) {
    return -std::min(sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str()), 0);
}

bool ServiceManager::status(const std::string& text, TimePoint now) {
    constexpr Duration kPause = std::chrono::seconds(1);
    if (next_status_ && now < *next_status_) {
        return false;
    }
    next_status_ = now + kPause;
    (void)sd_notify(0, fmt::format("STATUS={}", text).c_str());
    return true;
}

void ServiceManager::stopping(const std::string& status, Duration at_most) {
    const auto us = std::chrono::ceil<std::chrono::microseconds>(at_most);
    (void)sd_notify(
        0,
        fmt::format("STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", status, us.count()).c_str());
}

void ServiceManager::feed_watchdog() {
    (void)sd_notify(0, "WATCHDOG=1");
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

ReloadScope::ReloadScope() {
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
    (void)sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()).c_str());
}

ReloadScope::~ReloadScope() {
    (void)sd_notify(0, "READY=1");
}

} // namespace echod
