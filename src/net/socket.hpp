// SPDX-License-Identifier: MIT
// Stream sockets. Errors of the calls that move bytes are results, not exceptions.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace echod {

/// How long accept(2) is not tried again after it failed because descriptors or memory were out. No
/// event reports that they are available again, and a retry at once would spin.
inline constexpr Duration kAcceptRetry = std::chrono::milliseconds(100);

/// The result of one recv(2) or send(2): `error` is 0 and `bytes` were moved (0 bytes from
/// receive() mean end of file), or `error` is the errno.
struct IoResult {
    std::size_t bytes = 0;
    int error = 0;

    [[nodiscard]] bool would_block() const noexcept;
};

/// Receives without blocking; retries on EINTR.
[[nodiscard]] IoResult receive(int fd, std::span<std::byte> into) noexcept;

/// Sends as much as the kernel takes, without blocking and without SIGPIPE; retries on EINTR.
[[nodiscard]] IoResult send_some(int fd, std::span<const std::byte> bytes) noexcept;

/// The result of opening a listening socket: `error` is 0, or the errno of `call`.
struct ListenResult {
    UniqueFd fd;
    int error = 0;
    const char* call = "";
};

/// Opens a non-blocking, close-on-exec listening TCP socket at `endpoint`, with SO_REUSEADDR, and
/// IPV6_V6ONLY on v6; with SO_REUSEPORT if `reuse_port`.
[[nodiscard]] ListenResult try_listen_at(const Endpoint& endpoint, int backlog,
                                         bool reuse_port = false) noexcept;

/// The same. Throws std::system_error that names the endpoint.
[[nodiscard]] UniqueFd listen_at(const Endpoint& endpoint, int backlog);

/// Sets or clears SO_REUSEPORT (socket(7)).
void set_reuse_port(int fd, bool on) noexcept;

/// Of several sockets that share an address (SO_REUSEPORT), the kernel prefers the one with the
/// processor that receives the packets of a new connection (socket(7), SO_INCOMING_CPU; since Linux
/// 6.2). kAnyCpu: no preference.
inline constexpr int kAnyCpu = -1;
void set_incoming_cpu(int fd, int cpu) noexcept;

/// Makes fd non-blocking (fcntl(2), O_NONBLOCK). Throws std::system_error.
void set_nonblocking(int fd);

/// Disables Nagle's algorithm. Sockets that a listening socket accepts inherit that. Does nothing
/// on a socket that is not TCP.
void set_nodelay(int fd) noexcept;

/// Ends a connection with ETIMEDOUT if its peer acknowledges nothing for `time` (at least a
/// second; tcp(7), TCP_USER_TIMEOUT), and with `probes` sends keepalive probes to silent peers
/// (SO_KEEPALIVE), which costs a timer for each connection; zero disables both. Sockets that a
/// listening socket accepts inherit that. Does nothing on a socket that is not TCP.
void set_unacked_timeout(int fd, Duration time, bool probes) noexcept;

/// Turns keepalive probes on or off, as set_unacked_timeout() does; when they are sent stays.
void set_keepalive(int fd, bool on) noexcept;

/// Bounds the bytes in fd's send queue that were not sent yet: above it send(2) takes nothing more
/// (tcp(7), TCP_NOTSENT_LOWAT); zero is the system's limit, net.ipv4.tcp_notsent_lowat. Sockets
/// that a listening socket accepts inherit that. Does nothing on a socket that is not TCP.
void set_unsent_limit(int fd, std::uint32_t bytes) noexcept;

/// Makes close(fd) an abort: unsent bytes are discarded and the peer receives a reset (socket(7),
/// SO_LINGER).
void set_abort_on_close(int fd) noexcept;

/// Bytes in fd's send queue that the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ; for unix
/// sockets, that the peer has not read). Nothing if the ioctl fails.
[[nodiscard]] std::optional<std::uint32_t> unacknowledged_bytes(int fd) noexcept;

/// Bytes of kernel memory that the socket holds: what is queued, and what is reserved for it
/// (SO_MEMINFO); 0 if that is unknown.
[[nodiscard]] std::uint64_t socket_memory(int fd) noexcept;

/// True if there is something to read: bytes, end of file or an error (poll(2)).
[[nodiscard]] bool has_input(int fd) noexcept;

/// True if send(2) would take something now.
[[nodiscard]] bool has_room(int fd) noexcept;

/// Connections in the backlog of a listening TCP socket (tcp(7), TCP_INFO); 0 if that is unknown.
[[nodiscard]] std::uint32_t backlog_length(int fd) noexcept;

} // namespace echod
