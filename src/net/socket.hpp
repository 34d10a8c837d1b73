// SPDX-License-Identifier: MIT
// Stream sockets: the system calls that move bytes, with their failures as results.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace echod {

/// How long accept(2) is left alone after it failed for want of descriptors or memory: trying until
/// they are back would spin, and no event tells when.
inline constexpr Duration kAcceptRetry = std::chrono::milliseconds(100);

/// What one recv(2) or send(2) did: `error` 0 and `bytes` moved (0 from receive() is end of file),
/// or the errno.
struct IoResult {
    std::size_t bytes = 0;
    int error = 0;

    [[nodiscard]] bool would_block() const noexcept;
};

/// Receives what is there without waiting; EINTR is tried again.
[[nodiscard]] IoResult receive(int fd, std::span<std::byte> into) noexcept;

/// Sends what the kernel takes without waiting and without SIGPIPE; EINTR is tried again.
[[nodiscard]] IoResult send_some(int fd, std::span<const std::byte> bytes) noexcept;

/// A non-blocking, close-on-exec listening TCP socket at `endpoint`, with SO_REUSEADDR, and
/// IPV6_V6ONLY on v6. Throws std::system_error that names the endpoint.
[[nodiscard]] UniqueFd listen_at(const Endpoint& endpoint, int backlog);

/// Makes fd non-blocking (fcntl(2), O_NONBLOCK). Throws std::system_error.
void set_nonblocking(int fd);

/// Switches Nagle's algorithm off; on a listening socket, what it accepts inherits that. Does
/// nothing on a socket that is not TCP.
void set_nodelay(int fd) noexcept;

/// Ends connections whose peer acknowledges nothing for `time` (at least a second) with ETIMEDOUT,
/// and asks peers that are silent whether they are there (tcp(7): TCP_USER_TIMEOUT, SO_KEEPALIVE);
/// zero: neither. What a listening socket accepts inherits that. Does nothing on a socket that is
/// not TCP.
void set_unacked_timeout(int fd, Duration time) noexcept;

/// Makes the next close() of fd an abort: what is unsent is thrown away and the peer sees a reset
/// (socket(7), SO_LINGER).
void set_abort_on_close(int fd) noexcept;

/// Bytes in fd's send queue that the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ; on
/// unix sockets what the peer has not read). Nothing where the kernel does not say.
[[nodiscard]] std::optional<std::uint32_t> unacknowledged_bytes(int fd) noexcept;

/// True where there is something to read: bytes, the end of file or an error (poll(2)).
[[nodiscard]] bool has_input(int fd) noexcept;

/// Connections that wait in the backlog of a listening TCP socket (tcp(7), TCP_INFO); 0 where the
/// kernel does not say.
[[nodiscard]] std::uint32_t backlog_length(int fd) noexcept;

} // namespace echod
