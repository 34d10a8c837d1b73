// SPDX-License-Identifier: MIT
#include "server/stats/close_reason.hpp"

#include <cerrno>

namespace echod {

CloseReason close_reason_of(int error) noexcept {
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        return CloseReason::reset;
    case ETIMEDOUT:
    case EHOSTUNREACH: // an ICMP error that a router had sent before the kernel gave up
    case ENETUNREACH:
        return CloseReason::unacked_timeout;
    default:
        return CloseReason::io_error;
    }
}

CloseReason end_of_input(CloseReason reason, std::uint64_t received,
                         std::size_t buffered) noexcept {
    if (reason != CloseReason::peer && reason != CloseReason::reset) {
        return reason;
    }
    if (buffered != 0) {
        return reason == CloseReason::peer ? CloseReason::incomplete : reason;
    }
    if (received == 0) {
        return CloseReason::unused;
    }
    return reason == CloseReason::reset ? CloseReason::reset_after_echo : reason;
}

} // namespace echod
