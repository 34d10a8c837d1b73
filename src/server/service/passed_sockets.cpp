// SPDX-License-Identifier: MIT
#include "server/service/passed_sockets.hpp"

#include "base/sys_error.hpp"
#include "net/socket.hpp"
#include "server/service/store_names.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

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

// What fd is, where it is not a listening stream socket of a known family.
std::string describe_socket(int fd) {
    if (sd_is_socket(fd, AF_UNSPEC, 0, -1) <= 0) {
        return "not a socket";
    }
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_DGRAM, -1) > 0) {
        return "a datagram socket";
    }
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, -1) <= 0) {
        return "not a stream socket";
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

// `fd_name`: of a socket unit's socket, the name with which it was passed first.
Listener as_listener(UniqueFd fd, const std::string& name,
                     const std::optional<std::string>& fd_name = std::nullopt) {
    if (!is_usable(fd.get())) {
        throw std::runtime_error(
            fmt::format("passed descriptor {} (\"{}\") must be a listening stream socket of TCP or "
                        "AF_UNIX, is {}",
                        fd.get(), name, describe_socket(fd.get())));
    }
    set_nonblocking(fd.get());
    std::string text = local_endpoint(fd.get()).to_string();
    if (fd_name) {
        text += fmt::format(" (\"{}\")", *fd_name);
    }
    return {std::move(fd), std::move(text), fd_name.has_value(), false, fd_name.value_or("")};
}

} // namespace

PassedDescriptors take_passed_descriptors() {
    char** raw_names = nullptr;
    const int count = sd_listen_fds_with_names(1, &raw_names);
    const std::unique_ptr<char*, NamesDeleter> names(raw_names);
    if (count < 0) {
        throw std::runtime_error(fmt::format(
            "LISTEN_FDS, LISTEN_PID or LISTEN_FDNAMES is invalid: {}", describe_errno(-count)));
    }
    PassedDescriptors passed;
    for (int i = 0; i < count; ++i) {
        UniqueFd fd(SD_LISTEN_FDS_START + i);
        const std::string name = names.get()[i];
        if (name == store_name::kConnections) {
            passed.handover_fds.connections = std::move(fd);
        } else if (name == store_name::kState) {
            passed.handover_fds.state = std::move(fd);
        } else if (name == store_name::kListener) {
            passed.own_listeners.push_back(as_listener(std::move(fd), name));
        } else if (name.rfind(store_name::kPassed, 0) == 0) {
            const std::string fd_name = name.substr(std::string_view(store_name::kPassed).size());
            passed.stored_listeners.push_back(as_listener(std::move(fd), name, fd_name));
            passed.stored_listeners.back().stored = true;
            passed.passed_names.push_back(fd_name);
        } else {
            passed.listeners.push_back(as_listener(std::move(fd), name, name));
        }
    }
    passed.stored =
        passed.handover_fds || !passed.own_listeners.empty() || !passed.stored_listeners.empty();
    return passed;
}

} // namespace echod
