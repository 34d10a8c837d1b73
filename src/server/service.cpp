// SPDX-License-Identifier: MIT
#include "server/service.hpp"

#include "base/clock.hpp"
#include "base/sys_error.hpp"
#include "net/socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

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

std::vector<Listener> passed_listeners() {
    char** raw_names = nullptr;
    const int count = sd_listen_fds_with_names(1, &raw_names);
    const std::unique_ptr<char*, NamesDeleter> names(raw_names);
    if (count < 0) {
        throw std::runtime_error(fmt::format(
            "LISTEN_FDS, LISTEN_PID or LISTEN_FDNAMES make no sense: {}", describe_errno(-count)));
    }
    std::vector<Listener> listeners;
    for (int i = 0; i < count; ++i) {
        const int fd = SD_LISTEN_FDS_START + i;
        const std::string name = names.get()[i];
        if (!is_usable(fd)) {
            throw std::runtime_error(
                fmt::format("passed descriptor {} (\"{}\") must be a listening stream socket of "
                            "TCP or AF_UNIX, is {}",
                            fd, name, describe_socket(fd)));
        }
        UniqueFd owned(fd);
        set_nonblocking(fd);
        std::string text = fmt::format("{} (\"{}\")", local_endpoint(fd).to_string(), name);
        listeners.push_back({std::move(owned), std::move(text), true});
    }
    return listeners;
}

void ServiceManager::ready(const std::string& status) {
    (void)sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
}

void ServiceManager::status(const std::string& text) {
    (void)sd_notify(0, fmt::format("STATUS={}", text).c_str());
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
    std::uint64_t us = 0;
    if (sd_watchdog_enabled(0, &us) <= 0) {
        return std::nullopt;
    }
    return std::chrono::microseconds(us);
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
