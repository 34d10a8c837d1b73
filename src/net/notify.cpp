// SPDX-License-Identifier: MIT
#include "net/notify.hpp"

#include "net/fd_passing.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace echod {

namespace {

// Connected: only then does poll(2) report room in the queue of the other end.
int connect_to(const char* address, UniqueFd& socket) noexcept {
    const std::string_view name(address);
    sockaddr_un to{};
    if (name.size() < 2 || (name[0] != '/' && name[0] != '@')) {
        return name.rfind("vsock", 0) == 0 ? EAFNOSUPPORT : EINVAL;
    }
    if (name.size() >= sizeof to.sun_path) {
        return ENAMETOOLONG;
    }
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, name.data(), name.size());
    std::size_t size = offsetof(sockaddr_un, sun_path) + name.size();
    if (name[0] == '@') {
        to.sun_path[0] = '\0';
    } else {
        ++size; // a path ends with a zero, an abstract name does not: unix(7)
    }
    socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) {
        return errno;
    }
    const auto* generic = reinterpret_cast<const sockaddr*>(&to);
    return ::connect(socket.get(), generic, static_cast<socklen_t>(size)) == 0 ? 0 : errno;
}

// Waits for one of `events` or a hang-up; false where `until` has passed.
bool wait_for(int fd, short events, TimePoint until) noexcept {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
        if (left.count() <= 0) {
            return false;
        }
        pollfd poll{fd, events, 0};
        if (::poll(&poll, 1, static_cast<int>(left.count())) > 0) {
            return true;
        }
    }
}

} // namespace

int send_notification(const char* address, std::string_view text, std::span<const int> fds,
                      std::optional<TimePoint> until) noexcept {
    UniqueFd socket;
    int error = connect_to(address, socket);
    if (error != 0) {
        return error;
    }
    while ((error = send_message(socket.get(), text, fds)) == EAGAIN && until) {
        if (!wait_for(socket.get(), POLLOUT, *until)) {
            return ETIMEDOUT;
        }
    }
    return error;
}

bool is_transient(int error) noexcept {
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EMFILE ||
           error == ENFILE;
}

// The manager closes the descriptor of BARRIER=1 once it has processed what came before: then the
// pipe hangs up.
int send_barrier(const char* address, UniqueFd& answer, std::optional<TimePoint> until) noexcept {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
        return errno;
    }
    answer.reset(fds[0]);
    const UniqueFd far(fds[1]);
    return send_notification(address, "BARRIER=1", std::array{far.get()}, until);
}

int notify_barrier(const char* address, TimePoint until) noexcept {
    UniqueFd answer;
    const int error = send_barrier(address, answer, until);
    if (error != 0) {
        return error;
    }
    return wait_for(answer.get(), 0, until) ? 0 : ETIMEDOUT;
}

} // namespace echod
