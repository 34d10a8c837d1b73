// SPDX-License-Identifier: MIT
// The reasons for which a connection ends.
#pragma once

#include "base/enum_names.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace echod {

/// Why a connection ended. Every connection ends for exactly one of these reasons.
enum class CloseReason : std::uint8_t {
    peer,             ///< the peer closed it, after whole messages
    unused,           ///< the peer closed or reset it before it sent a byte
    incomplete,       ///< the peer closed it within a message
    reset,            ///< the peer reset it within a message or before its echo was sent
    reset_after_echo, ///< the peer reset it after whole messages whose echoes were sent
    protocol_error,   ///< a header with a size above 1016, or an invalid PROXY header
    idle_timeout,     ///< no byte moved for timeouts.idle
    message_timeout,  ///< a message or PROXY header was not complete within timeouts.message
    write_timeout,    ///< the peer read no pending output for timeouts.write
    unacked_timeout,  ///< the peer acknowledged nothing for timeouts.unacked
    per_ip,           ///< the client that the PROXY header names was at max_connections_per_ip
    evicted,          ///< replaced by a new connection (when_full = "evict")
    io_error,         ///< another error of recv(2), send(2) or epoll_ctl(2), or out of memory
    drained,          ///< at stop: every echo was sent
    stopped,          ///< at stop: timeouts.drain had passed, or a second signal came
    parked,           ///< at a restart: handed over to the new process and open for its peer
};

/// The reasons as they appear in counters and log lines.
template <>
inline constexpr auto kEnumNames<CloseReason> = names_up_to<CloseReason::parked>(
    {"peer", "unused", "incomplete", "reset", "reset_after_echo", "protocol_error", "idle_timeout",
     "message_timeout", "write_timeout", "unacked_timeout", "per_ip", "evicted", "io_error",
     "drained", "stopped", "parked"});

inline constexpr std::size_t kCloseReasons = kEnumNames<CloseReason>.size();

/// False for the reasons that are the normal end of a connection.
[[nodiscard]] constexpr bool is_fault(CloseReason reason) noexcept {
    return reason != CloseReason::peer && reason != CloseReason::unused &&
           reason != CloseReason::reset_after_echo && reason != CloseReason::drained &&
           reason != CloseReason::stopped && reason != CloseReason::parked;
}

/// What the end of input by the peer (`peer`) or an error of recv(2) means after `received` bytes,
/// of which the last `buffered` are an incomplete message: health checks end their connections
/// without a byte, or after the echo.
[[nodiscard]] CloseReason end_of_input(CloseReason reason, std::uint64_t received,
                                       std::size_t buffered) noexcept;

/// The reason for an errno of recv(2) or send(2).
[[nodiscard]] CloseReason close_reason_of(int error) noexcept;

} // namespace echod
