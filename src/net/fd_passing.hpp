// SPDX-License-Identifier: MIT
// Descriptors as messages (unix(7), SCM_RIGHTS).
#pragma once

#include "base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace echod {

/// Two connected AF_UNIX datagram sockets. A datagram pair, because the end that is left behind
/// must not report a hang-up when the other is closed: the service manager would drop it. The first
/// holds as much that it sent as the system allows (net.core.wmem_max).
/// Throws std::system_error.
[[nodiscard]] std::pair<UniqueFd, UniqueFd> datagram_pair();

/// Sends `data` as one message with duplicates of `fds`, 253 at the most, without waiting. Returns
/// 0 or the errno.
[[nodiscard]] int send_message(int socket, std::string_view data,
                               std::span<const int> fds) noexcept;

/// What send_descriptors() did: how many went, and the errno that stopped it before all had.
struct SentDescriptors {
    std::size_t count = 0;
    int error = 0;
};

/// Sends duplicates of `fds`, in order, as many a datagram as the kernel allows (253). Fewer than
/// all go where too many are in flight (ETOOMANYREFS: more than RLIMIT_NOFILE) or where the socket
/// is full (EAGAIN: each datagram takes about 770 bytes of its send buffer).
[[nodiscard]] SentDescriptors send_descriptors(int socket, std::span<const int> fds) noexcept;

/// True where somebody still holds the other end of a datagram pair, whose own copy is closed here:
/// a datagram without descriptors goes there, which receive_descriptors() passes over. No poll(2)
/// would tell: the end that is left reports no hang-up.
[[nodiscard]] bool other_end_is_held(int socket) noexcept;

struct ReceivedDescriptors {
    std::vector<UniqueFd> fds; ///< in the order in which they were sent
    bool complete = true;      ///< false: the kernel left some out (MSG_CTRUNC), nobody knows which
};

/// Takes every descriptor that waits in `socket`, close-on-exec. Throws std::bad_alloc.
[[nodiscard]] ReceivedDescriptors receive_descriptors(int socket);

/// What tells a socket from all others, whatever descriptor and process it is asked through
/// (SO_COOKIE); 0 where the kernel does not say.
[[nodiscard]] std::uint64_t socket_cookie(int socket) noexcept;

} // namespace echod
