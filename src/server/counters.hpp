// SPDX-License-Identifier: MIT
// What the server counts, each at the moment it happens.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace echod {

/// Why a connection ended. Every accepted connection ends under exactly one of these.
enum class CloseReason : std::uint8_t {
    peer,            ///< the peer closed, after whole messages
    incomplete,      ///< the peer closed in the middle of a message
    reset,           ///< the peer reset the connection
    protocol_error,  ///< a header with a size above 1016
    idle_timeout,    ///< nothing moved for timeouts.idle
    message_timeout, ///< a message was not completed within timeouts.message
    write_timeout,   ///< the peer did not read what it was owed for timeouts.write
    unacked_timeout, ///< the peer vanished: it acknowledged nothing for timeouts.unacked
    evicted,         ///< made room for a new one (when_full = "evict")
    io_error,        ///< any other failure of recv(2), send(2), epoll_ctl(2) or memory
    drained,         ///< at stop: it had been answered
    stopped,         ///< at stop: time was up, or a second signal came
    parked,          ///< at a restart: handed over to the next process, not closed for the peer
};
inline constexpr std::size_t kCloseReasons = 13;

/// The reason as it stands in a log line: "idle_timeout".
[[nodiscard]] constexpr std::string_view to_string(CloseReason reason) noexcept {
    constexpr std::array<std::string_view, kCloseReasons> kNames = {
        "peer",         "incomplete",      "reset",         "protocol_error",
        "idle_timeout", "message_timeout", "write_timeout", "unacked_timeout",
        "evicted",      "io_error",        "drained",       "stopped",
        "parked"};
    return kNames[static_cast<std::size_t>(reason)];
}

/// True where the connection ended otherwise than as its peer or this server had in mind.
[[nodiscard]] constexpr bool is_fault(CloseReason reason) noexcept {
    return reason != CloseReason::peer && reason != CloseReason::drained &&
           reason != CloseReason::stopped && reason != CloseReason::parked;
}

/// Totals since the start. These always hold:
/// accepted + restored = open + the sum of closed;
/// messages_in + messages_restored = messages_out + messages_dropped + messages_parked + owed now;
/// bytes_in + bytes_restored = bytes_out + bytes_dropped + bytes_parked + kept now.
struct Counters {
    std::uint64_t accepted = 0;        ///< connections that got a place
    std::uint64_t restored = 0;        ///< connections taken over from the process before
    std::uint64_t queued = 0;          ///< accepted ones that had waited in the backlog for it
    std::uint64_t rejected = 0;        ///< closed at once: full, and when_full = "reject"
    std::uint64_t rejected_per_ip = 0; ///< closed at once: max_connections_per_ip
    std::uint64_t accept_errors = 0; ///< accept(2) failed: descriptors, memory, aborted handshakes
    std::array<std::uint64_t, kCloseReasons> closed{};
    std::uint64_t messages_in = 0;  ///< whole valid messages received
    std::uint64_t messages_out = 0; ///< messages handed to the kernel to the last byte
    std::uint64_t messages_dropped =
        0; ///< received, but their connection ended before they were out
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_dropped = 0;   ///< received and not echoed: incomplete, invalid, or cut off
    std::uint64_t messages_parked = 0; ///< owed, and handed over to the next process
    std::uint64_t messages_restored = 0; ///< owed by the process before, and taken over
    std::uint64_t bytes_parked = 0;
    std::uint64_t bytes_restored = 0;
    std::uint64_t protocol_errors = 0;
    std::uint64_t quota_turns = 0; ///< turns that ended at the quota with more to do
    std::uint64_t stalls = 0;      ///< times the kernel took less than was owed

    [[nodiscard]] std::uint64_t closed_total() const noexcept {
        std::uint64_t sum = 0;
        for (const std::uint64_t count : closed) {
            sum += count;
        }
        return sum;
    }

    /// Bytes received and not echoed yet, of all connections: incomplete, unserved or owed.
    [[nodiscard]] std::uint64_t kept_now() const noexcept {
        return bytes_in + bytes_restored - bytes_out - bytes_dropped - bytes_parked;
    }

    void count(CloseReason reason) noexcept { ++closed[static_cast<std::size_t>(reason)]; }

    [[nodiscard]] bool operator==(const Counters&) const noexcept = default;
};

/// Calls visitor(name, total, part of it since `before`) for each counter, "closed_REASON"
/// included.
template <class Visitor>
void visit_counters(const Counters& now, const Counters& before, Visitor&& visitor) {
    const auto visit = [&](std::string_view name, std::uint64_t Counters::*member) {
        visitor(name, now.*member, now.*member - before.*member);
    };
    visit("accepted", &Counters::accepted);
    visit("restored", &Counters::restored);
    visit("queued", &Counters::queued);
    visit("rejected", &Counters::rejected);
    visit("rejected_per_ip", &Counters::rejected_per_ip);
    visit("accept_errors", &Counters::accept_errors);
    visitor("closed", now.closed_total(), now.closed_total() - before.closed_total());
    for (std::size_t i = 0; i < kCloseReasons; ++i) {
        const std::string name = "closed_" + std::string(to_string(static_cast<CloseReason>(i)));
        visitor(name, now.closed[i], now.closed[i] - before.closed[i]);
    }
    visit("messages_in", &Counters::messages_in);
    visit("messages_out", &Counters::messages_out);
    visit("messages_dropped", &Counters::messages_dropped);
    visit("messages_parked", &Counters::messages_parked);
    visit("messages_restored", &Counters::messages_restored);
    visit("bytes_in", &Counters::bytes_in);
    visit("bytes_out", &Counters::bytes_out);
    visit("bytes_dropped", &Counters::bytes_dropped);
    visit("bytes_parked", &Counters::bytes_parked);
    visit("bytes_restored", &Counters::bytes_restored);
    visit("protocol_errors", &Counters::protocol_errors);
    visit("quota_turns", &Counters::quota_turns);
    visit("stalls", &Counters::stalls);
}

} // namespace echod
