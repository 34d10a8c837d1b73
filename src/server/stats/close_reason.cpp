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

} // namespace echod
