// SPDX-License-Identifier: MIT
// The one table of counters. The statistics line, the journal fields, `--stats json` and
// the metrics all print from it, and the tests compare the manual page with them.
#pragma once

#include "server/stats/counters.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace echod {

/// One row of the table.
struct CounterInfo {
    std::string_view name;   ///< in the statistics line and JSON; in capitals a journal field
    std::string_view metric; ///< the family of metrics, without "_total"
    std::string_view reason; ///< the value of the family's label "reason"; empty: no label
    std::string_view help;   ///< the help text of the family
    std::uint64_t Counters::*member; ///< nullptr: `closed`, a row for the sum and for each reason
    bool always = false;             ///< in the statistics line even if it did not change
};

/// In the order of every output.
inline constexpr auto kCounterTable = std::to_array<CounterInfo>({
    {"accepted", "echod_connections_accepted", "", "Connections accepted and added.",
     &Counters::accepted},
    {"restored", "echod_connections_restored", "", "Connections restored from the old process.",
     &Counters::restored},
    {"queued", "echod_connections_queued", "",
     "Accepted connections that had waited in the backlog because the server was full.",
     &Counters::queued},
    {"rejected", "echod_connections_rejected", "full", "Connections closed at once, by limit.",
     &Counters::rejected},
    {"rejected_per_ip", "echod_connections_rejected", "per_ip",
     "Connections closed at once, by limit.", &Counters::rejected_per_ip},
    {"accept_errors", "echod_accept_errors", "", "Failures of accept(2).",
     &Counters::accept_errors},
    {"setup_errors", "echod_setup_errors", "",
     "Failures to add an accepted connection, which is retried.", &Counters::setup_errors},
    {"closed", "echod_connections_closed", "", "Connections that ended, by reason.", nullptr},
    {"messages_in", "echod_messages_received", "", "Whole valid messages received.",
     &Counters::messages_in, true},
    {"messages_out", "echod_messages_sent", "", "Messages echoed: the kernel took the last byte.",
     &Counters::messages_out, true},
    {"messages_dropped", "echod_messages_dropped", "",
     "Messages received whose connection ended before the echo was sent.",
     &Counters::messages_dropped},
    {"messages_parked", "echod_messages_parked", "",
     "Messages handed over to the new process with pending output.", &Counters::messages_parked},
    {"messages_restored", "echod_messages_restored", "",
     "Messages restored from the old process with pending output.", &Counters::messages_restored},
    {"bytes_in", "echod_received_bytes", "", "Bytes received.", &Counters::bytes_in, true},
    {"bytes_out", "echod_sent_bytes", "", "Bytes echoed.", &Counters::bytes_out, true},
    {"bytes_dropped", "echod_dropped_bytes", "",
     "Bytes received and not echoed: of incomplete or invalid messages, or of connections that "
     "ended.",
     &Counters::bytes_dropped},
    {"bytes_parked", "echod_parked_bytes", "", "Buffered bytes handed over to the new process.",
     &Counters::bytes_parked},
    {"bytes_restored", "echod_restored_bytes", "", "Buffered bytes restored from the old process.",
     &Counters::bytes_restored},
    {"bytes_proxy", "echod_proxy_header_bytes", "", "Bytes of PROXY headers received.",
     &Counters::bytes_proxy},
    {"protocol_errors", "echod_protocol_errors", "",
     "Headers with a size above the maximum, and invalid or refused PROXY headers.",
     &Counters::protocol_errors},
    {"unexpected_proxy", "echod_unexpected_proxy_headers", "",
     "Protocol errors that were a PROXY header which the configuration does not expect.",
     &Counters::unexpected_proxy},
    {"quota_turns", "echod_quota_turns", "",
     "Visits that echoed more than the quota and left more to do.", &Counters::quota_turns},
    {"stalls", "echod_write_stalls", "",
     "Times the kernel did not take all output of a connection.", &Counters::stalls},
});

/// A counter with its values.
struct CounterSample {
    const CounterInfo& info;
    std::string_view name;   ///< info.name, or for a close reason "closed_REASON"
    std::string_view reason; ///< info.reason, or the close reason
    bool has_metric;         ///< false for the sum "closed": its metric is the sum of the reasons
    std::uint64_t total;     ///< since the start
    std::uint64_t part;      ///< since `before`
};

/// Calls visitor(const CounterSample&) for each counter in the order of the table; behind "closed"
/// there is one for each reason. Throws std::bad_alloc.
template <class Visitor>
void visit_counters(const Counters& now, const Counters& before, Visitor&& visitor) {
    for (const CounterInfo& info : kCounterTable) {
        if (info.member != nullptr) {
            visitor(CounterSample{info, info.name, info.reason, true, now.*info.member,
                                  now.*info.member - before.*info.member});
            continue;
        }
        visitor(CounterSample{info, info.name, info.reason, false, now.closed_total(),
                              now.closed_total() - before.closed_total()});
        for (std::size_t i = 0; i < kCloseReasons; ++i) {
            const std::string_view reason = enum_name(static_cast<CloseReason>(i));
            const std::string name = std::string(info.name) + "_" + std::string(reason);
            visitor(CounterSample{info, name, reason, true, now.closed[i],
                                  now.closed[i] - before.closed[i]});
        }
    }
}

} // namespace echod
