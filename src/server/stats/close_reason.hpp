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
    peer,            ///< the peer closed it, after whole messages
    incomplete,      ///< the peer closed it within a message
    reset,           ///< the peer reset it
    protocol_error,  ///< a header with a size above 1016
    idle_timeout,    ///< no byte moved for timeouts.idle
    message_timeout, ///< a message was not complete within timeouts.message
    write_timeout,   ///< the peer read no pending output for timeouts.write
    unacked_timeout, ///< the peer acknowledged nothing for timeouts.unacked
    evicted,         ///< replaced by a new connection (when_full = "evict")
    io_error,        ///< another error of recv(2), send(2) or epoll_ctl(2), or out of memory
    drained,         ///< at stop: every echo was sent
    stopped,         ///< at stop: timeouts.drain had passed, or a second signal came
    parked,          ///< at a restart: handed over to the new process and open for its peer
};

/// The reasons as they appear in counters and log lines.
template <>
inline constexpr auto kEnumNames<CloseReason> = names_up_to<CloseReason::parked>(
    {"peer", "incomplete", "reset", "protocol_error", "idle_timeout", "message_timeout",
     "write_timeout", "unacked_timeout", "evicted", "io_error", "drained", "stopped", "parked"});

inline constexpr std::size_t kCloseReasons = kEnumNames<CloseReason>.size();

/// False for the reasons that are the normal end of a connection.
[[nodiscard]] constexpr bool is_fault(CloseReason reason) noexcept {
    return reason != CloseReason::peer && reason != CloseReason::drained &&
           reason != CloseReason::stopped && reason != CloseReason::parked;
}

/// The reason for an errno of recv(2) or send(2).
[[nodiscard]] CloseReason close_reason_of(int error) noexcept;

} // namespace echod
