// SPDX-License-Identifier: MIT
// The counters of the daemon. What each is called and what it means is in counter_table.hpp.
#pragma once

#include "server/stats/close_reason.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace echod {

/// Totals since the start. These equations hold at any time:
/// accepted + restored = open connections + the sum of closed;
/// messages_in + messages_restored = messages_out + messages_dropped + messages_parked + pending;
/// bytes_in + bytes_restored = bytes_out + bytes_dropped + bytes_parked + bytes_proxy + buffered.
struct Counters {
    std::uint64_t accepted = 0;
    std::uint64_t restored = 0;
    std::uint64_t queued = 0;
    std::uint64_t rejected = 0;
    std::uint64_t rejected_per_ip = 0;
    std::uint64_t accept_errors = 0;
    std::uint64_t setup_errors = 0;
    std::array<std::uint64_t, kCloseReasons> closed{}; ///< by CloseReason
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t messages_dropped = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_dropped = 0;
    std::uint64_t messages_parked = 0;
    std::uint64_t messages_restored = 0;
    std::uint64_t bytes_parked = 0;
    std::uint64_t bytes_restored = 0;
    std::uint64_t protocol_errors = 0;
    std::uint64_t bytes_proxy = 0;
    std::uint64_t unexpected_proxy = 0;
    std::uint64_t quota_turns = 0;
    std::uint64_t stalls = 0;

    [[nodiscard]] std::uint64_t closed_total() const noexcept {
        std::uint64_t sum = 0;
        for (const std::uint64_t count : closed) {
            sum += count;
        }
        return sum;
    }

    /// Bytes received and not echoed yet, of all open connections.
    [[nodiscard]] std::uint64_t buffered_now() const noexcept {
        return bytes_in + bytes_restored - bytes_out - bytes_dropped - bytes_parked - bytes_proxy;
    }

    void count(CloseReason reason) noexcept { ++closed[static_cast<std::size_t>(reason)]; }

    [[nodiscard]] bool operator==(const Counters&) const noexcept = default;
};

} // namespace echod
