// SPDX-License-Identifier: MIT
#include "server/listener/socket_unit.hpp"

#include "base/printable.hpp"
#include "base/unique_fd.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace echod {

namespace {

std::string_view instance() noexcept {
    const char* name = std::getenv("ECHOD_INSTANCE");
    return name != nullptr ? name : "";
}

// Out of file descriptors or memory is no answer.
bool is_forbidden(int family) noexcept {
    const UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return !fd && (errno == EAFNOSUPPORT || errno == EPERM || errno == EACCES);
}

std::string unit(std::string_view type) {
    std::string name = "echod";
    if (is_instance()) {
        name += "@" + printable(instance());
    }
    return name.append(type);
}

} // namespace

bool is_instance() noexcept {
    return !instance().empty();
}

bool may_open_sockets() noexcept {
    return !is_forbidden(AF_INET) || !is_forbidden(AF_INET6);
}

std::string socket_unit() {
    return unit(".socket");
}

std::string service_unit() {
    return unit(".service");
}

} // namespace echod
