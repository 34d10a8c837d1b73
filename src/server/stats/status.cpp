// SPDX-License-Identifier: MIT
#include "server/stats/status.hpp"

#include "base/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <string_view>
#include <utility>

namespace echod {

namespace {

void append_connections(std::string& text, std::string_view title,
                        const std::vector<ConnectionSummary>& connections) {
    if (connections.empty()) {
        return;
    }
    text += fmt::format("\n{:<34} {:>12} {:>14} {:>8} {:>8} {:>8}\n", title, "messages", "bytes",
                        "buffered", "age", "idle");
    for (const ConnectionSummary& one : connections) {
        text += fmt::format("{:<34} {:>12} {:>14} {:>8} {:>8} {:>8}\n", one.peer, one.messages,
                            one.bytes, one.buffered, humanize_duration(one.age),
                            humanize_duration(one.idle));
    }
}

// "3", or "3: 2 peer, 1 reset".
std::string closed_of(const Counters& counters) {
    std::string text = fmt::format("{}", counters.closed_total());
    const char* separator = ": ";
    for (std::size_t i = 0; i < kCloseReasons; ++i) {
        if (counters.closed[i] != 0) {
            text += fmt::format("{}{} {}", std::exchange(separator, ", "), counters.closed[i],
                                enum_name(static_cast<CloseReason>(i)));
        }
    }
    return text;
}

} // namespace

std::string format_status(const ServerState& state) {
    const Counters& counters = state.counters;
    std::string text = state.refused.empty() ? "" : state.refused + "\n";
    text +=
        fmt::format("echod {}, pid {}, {} for {} on {}\n", ECHOD_VERSION, ::getpid(), state.phase,
                    humanize_duration(state.uptime),
                    state.listeners.empty() ? "no address"
                                            : fmt::format("{}", fmt::join(state.listeners, ", ")));
    for (const std::string& notice : state.notices) {
        text += notice + "\n";
    }
    text += "\n";
    text += fmt::format("connections  {} open of {}, {} when full; {} waiting\n",
                        state.gauges.connections, state.limits.max_connections,
                        enum_name(state.limits.when_full), state.gauges.waiting);
    text += fmt::format("accepted     {}, {} after waiting; {} restored; {} rejected when full, {} "
                        "per address; {} failed\n",
                        counters.accepted, counters.queued, counters.restored, counters.rejected,
                        counters.rejected_per_ip, counters.accept_errors);
    text += fmt::format("closed       {}\n", closed_of(counters));
    text += fmt::format("messages     {} in, {} out, {} dropped; {} protocol errors\n",
                        counters.messages_in, counters.messages_out, counters.messages_dropped,
                        counters.protocol_errors);
    text += fmt::format("bytes        {} in, {} out, {} dropped, {} buffered\n", counters.bytes_in,
                        counters.bytes_out, counters.bytes_dropped, counters.buffered_now());
    text +=
        fmt::format("loop         longest iteration {}; {} visits above the quota, {} writes "
                    "stalled\n",
                    humanize_duration(state.longest_turn), counters.quota_turns, counters.stalls);
    text += fmt::format("polling      {}{}; {} since the start\n",
                        state.polling.window == Duration::zero()
                            ? "off"
                            : humanize_duration(state.polling.window) + " before sleeping",
                        state.polling.automatic ? " (auto)" : "",
                        humanize_duration(state.polling.polled));
    append_connections(text, "busiest", state.busiest);
    append_connections(text, "oldest", state.oldest);
    return text;
}

} // namespace echod
