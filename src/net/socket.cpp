// SPDX-License-Identifier: MIT
#include "net/socket.hpp"

#include "base/sys_error.hpp"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace echod {

bool IoResult::would_block() const noexcept {
    return error == EAGAIN; // EWOULDBLOCK is the same number on Linux
}

IoResult receive(int fd, std::span<std::byte> into) noexcept {
    for (;;) {
        const ssize_t n = ::recv(fd, into.data(), into.size(), MSG_DONTWAIT);
        if (n >= 0) {
            return {static_cast<std::size_t>(n), 0};
        }
        if (errno != EINTR) {
            return {0, errno};
        }
    }
}

IoResult send_some(int fd, std::span<const std::byte> bytes) noexcept {
    for (;;) {
        const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            return {static_cast<std::size_t>(n), 0};
        }
        if (errno != EINTR) {
            return {0, errno};
        }
    }
}

ListenResult try_listen_at(const Endpoint& endpoint, int backlog, bool reuse_port) noexcept {
    const auto failed = [](const char* call) { return ListenResult{{}, errno, call}; };
    UniqueFd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
        return failed("socket");
    }
    const int on = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        return failed("SO_REUSEADDR");
    }
    if (reuse_port) {
        set_reuse_port(fd.get(), true);
    }
    if (endpoint.family() == AF_INET6 &&
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
        return failed("IPV6_V6ONLY");
    }
    if (::bind(fd.get(), endpoint.address(), endpoint.length()) != 0) {
        return failed("bind");
    }
    if (::listen(fd.get(), backlog) != 0) {
        return failed("listen");
    }
    return {std::move(fd)};
}

UniqueFd listen_at(const Endpoint& endpoint, int backlog) {
    ListenResult result = try_listen_at(endpoint, backlog);
    if (result.error != 0) {
        throw_errno(result.error, "cannot listen on " + endpoint.to_string() + ": " + result.call);
    }
    return std::move(result.fd);
}

void set_reuse_port(int fd, bool on) noexcept {
    const int value = on ? 1 : 0;
    (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof value);
}

void set_incoming_cpu(int fd, int cpu) noexcept {
    (void)::setsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, sizeof cpu);
}

void set_nonblocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        throw_errno(errno, "fcntl(O_NONBLOCK)");
    }
}

void set_nodelay(int fd) noexcept {
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// The kernel ends the connection of a silent peer after TCP_USER_TIMEOUT if no probe was answered.
// Five probes are sent in the second half of that time, so a few lost ones do no harm.
void set_unacked_timeout(int fd, Duration time, bool probes) noexcept {
    constexpr int kProbes = 5;
    const auto whole_seconds = [](Duration part) {
        constexpr std::int64_t kMost = 32'767; // for TCP_KEEPIDLE
        const auto count = std::chrono::duration_cast<std::chrono::seconds>(part).count();
        return static_cast<int>(std::clamp<std::int64_t>(count, 1, kMost));
    };
    const auto milliseconds =
        static_cast<unsigned>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
    const int first = whole_seconds(time / 2);
    const int pause = whole_seconds(time / 2 / kProbes);
    if (::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds) != 0) {
        return; // not TCP, as AF_UNIX
    }
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &first, sizeof first);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause, sizeof pause);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
    set_keepalive(fd, probes && time != Duration::zero());
}

void set_keepalive(int fd, bool on) noexcept {
    const int value = on ? 1 : 0;
    (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value);
}

void set_unsent_limit(int fd, std::uint32_t bytes) noexcept {
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

void set_abort_on_close(int fd) noexcept {
    const linger abort{1, 0};
    (void)::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

std::optional<std::uint32_t> unacknowledged_bytes(int fd) noexcept {
    int bytes = 0;
    if (::ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(bytes);
}

bool has_input(int fd) noexcept {
    pollfd look{fd, POLLIN | POLLRDHUP, 0};
    return ::poll(&look, 1, 0) == 1;
}

bool has_room(int fd) noexcept {
    pollfd look{fd, POLLOUT, 0};
    return ::poll(&look, 1, 0) == 1;
}

std::uint32_t backlog_length(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        info.tcpi_state != TCP_LISTEN) {
        return 0;
    }
    return info.tcpi_unacked;
}

std::uint64_t socket_memory(int fd) noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) {
        return 0;
    }
    // What is in the send queue, and of a unix socket what its peer has not read.
    const std::uint64_t to_send =
        std::max(info[SK_MEMINFO_WMEM_QUEUED], info[SK_MEMINFO_WMEM_ALLOC]);
    return to_send + info[SK_MEMINFO_RMEM_ALLOC] + info[SK_MEMINFO_FWD_ALLOC] +
           info[SK_MEMINFO_OPTMEM] + info[SK_MEMINFO_BACKLOG];
}

} // namespace echod
