// SPDX-License-Identifier: MIT
// Sends and receives file descriptors over unix sockets (unix(7), SCM_RIGHTS).
#pragma once

#include "base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace echod {

/// Two connected AF_UNIX datagram sockets. Unlike a stream socket, a datagram socket reports no
/// hang-up when the other end is closed; the service manager removes stored descriptors that do.
/// The first has the largest send buffer that the system allows (net.core.wmem_max). Throws
/// std::system_error.
[[nodiscard]] std::pair<UniqueFd, UniqueFd> datagram_pair();

/// Sends `data` as one message with duplicates of `fds`, at most 253, without blocking. Returns 0
/// or the errno.
[[nodiscard]] int send_message(int socket, std::string_view data,
                               std::span<const int> fds) noexcept;

/// How many descriptors were sent, and the errno if that is not all of them.
struct SentDescriptors {
    std::size_t count = 0;
    int error = 0;
};

/// Sends duplicates of `fds` in order, up to 253 with each datagram, which is the kernel's limit.
/// Stops early if more than RLIMIT_NOFILE descriptors are in flight (ETOOMANYREFS) or if the send
/// buffer is full (EAGAIN; each datagram takes about 770 bytes of it).
[[nodiscard]] SentDescriptors send_descriptors(int socket, std::span<const int> fds) noexcept;

/// True if another process has the other end of a datagram pair open. Sends a datagram without
/// descriptors, which receive_descriptors() ignores, because poll(2) does not report a closed end.
[[nodiscard]] bool peer_is_open(int socket) noexcept;

/// The descriptors that receive_descriptors() received.
struct ReceivedDescriptors {
    std::vector<UniqueFd> fds; ///< in the order in which they were sent
    bool complete = true;      ///< false: the kernel dropped some of them (MSG_CTRUNC)
};

/// Receives every descriptor that is queued in `socket`, as close-on-exec. Throws std::bad_alloc.
[[nodiscard]] ReceivedDescriptors receive_descriptors(int socket);

/// The number that identifies a socket in all descriptors and processes that share it (SO_COOKIE);
/// 0 if it is unknown.
[[nodiscard]] std::uint64_t socket_cookie(int socket) noexcept;

} // namespace echod
