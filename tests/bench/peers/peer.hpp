// SPDX-License-Identifier: MIT
// The common start of all peers, so that they differ only in the library.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>

#include <cerrno>
#include <cstdint>
#include <cstdio>

namespace peer {

/// The largest read, as in echod: more than sixteen messages of the largest size, which would
/// otherwise need a second, empty read.
inline constexpr std::size_t kReadSize = 32 * 1024;

/// Raises the soft RLIMIT_NOFILE to the hard one and returns it.
inline std::uint32_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        throw std::system_error(errno, std::generic_category(), "getrlimit");
    }
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        throw std::system_error(errno, std::generic_category(), "setrlimit");
    }
    return static_cast<std::uint32_t>(limit.rlim_cur);
}

/// A non-blocking socket that listens on a free port of 127.0.0.1, which is printed. Accepted
/// sockets inherit TCP_NODELAY.
inline int listen_anywhere() {
    const auto check = [](int result, const char* what) {
        if (result < 0) {
            throw std::system_error(errno, std::generic_category(), what);
        }
        return result;
    };
    const int fd =
        check(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    const int one = 1;
    check(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "TCP_NODELAY");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    check(::bind(fd, any, length), "bind");
    check(::listen(fd, 4096), "listen");
    check(::getsockname(fd, any, &length), "getsockname");
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return fd;
}

} // namespace peer
