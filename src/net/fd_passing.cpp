// SPDX-License-Identifier: MIT
#include "net/fd_passing.hpp"

#include "base/sys_error.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

namespace echod {

namespace {

constexpr std::size_t kMaxPerDatagram = 253; // SCM_MAX_FD of the kernel: unix(7)

// Room for one control message of descriptors, aligned as cmsg(3) wants it.
struct ControlBuffer {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * kMaxPerDatagram)> bytes{};
};

} // namespace

std::pair<UniqueFd, UniqueFd> datagram_pair() {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) != 0) {
        throw_errno(errno, "socketpair");
    }
    std::pair<UniqueFd, UniqueFd> pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
    const int most = std::numeric_limits<int>::max(); // the kernel takes wmem_max: socket(7)
    (void)::setsockopt(pair.first.get(), SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
    return pair;
}

int send_message(int socket, std::string_view data, std::span<const int> fds) noexcept {
    ControlBuffer control;
    iovec part{const_cast<char*>(data.data()), data.size()}; // NOLINT: only read, says sendmsg(2)
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fds.size() > kMaxPerDatagram) {
        return EINVAL;
    }
    if (!fds.empty()) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    while (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

SentDescriptors send_descriptors(int socket, std::span<const int> fds) noexcept {
    const char byte = 0; // an empty datagram would look like end of file
    SentDescriptors sent;
    while (sent.count < fds.size()) {
        const std::size_t count = std::min(fds.size() - sent.count, kMaxPerDatagram);
        sent.error = send_message(socket, {&byte, 1}, fds.subspan(sent.count, count));
        if (sent.error != 0) {
            break;
        }
        sent.count += count;
    }
    return sent;
}

bool peer_is_open(int socket) noexcept {
    const char byte = 0;
    while (::send(socket, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            return errno == EAGAIN; // full, so it is open; ECONNREFUSED if it is closed
        }
    }
    return true;
}

ReceivedDescriptors receive_descriptors(int socket) {
    ReceivedDescriptors result;
    for (;;) {
        ControlBuffer control;
        char byte = 0;
        iovec data{&byte, 1};
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        const ssize_t n = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) { // 0: end of file, if it is no datagram socket
            return result;
        }
        result.complete = result.complete && (message.msg_flags & MSG_CTRUNC) == 0;
        for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
             header = CMSG_NXTHDR(&message, header)) {
            if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
                continue;
            }
            const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            std::array<int, kMaxPerDatagram> received{};
            std::memcpy(received.data(), CMSG_DATA(header), sizeof(int) * count);
            for (const int fd : std::span(received).first(count)) {
                result.fds.emplace_back(fd);
            }
        }
    }
}

std::uint64_t socket_cookie(int socket) noexcept {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return ::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

} // namespace echod
