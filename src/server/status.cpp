// SPDX-License-Identifier: MIT
#include "server/status.hpp"

#include "base/printable.hpp"
#include "base/units.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace echod {

namespace {

constexpr std::array<const char*, 3> kWhenFull = {"queue", "reject", "evict"};

const char* when_full(const ServerState& state) {
    return kWhenFull.at(static_cast<std::size_t>(state.limits.when_full));
}

void append_connections(std::string& text, std::string_view title,
                        const std::vector<ConnectionSummary>& connections) {
    if (connections.empty()) {
        return;
    }
    text += fmt::format("\n{:<34} {:>12} {:>14} {:>6} {:>8} {:>8}\n", title, "messages", "bytes",
                        "kept", "age", "idle");
    for (const ConnectionSummary& one : connections) {
        text += fmt::format("{:<34} {:>12} {:>14} {:>6} {:>8} {:>8}\n", one.peer, one.messages,
                            one.bytes, one.kept, humanize_duration(one.age),
                            humanize_duration(one.idle));
    }
}

// In quotes. What is no UTF-8 becomes U+FFFD, for JSON cannot hold it.
std::string json_string(std::string_view text) {
    std::string quoted = "\"";
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        if (length == 0) {
            quoted += "\\ufffd";
        } else if (c == '"' || c == '\\') {
            quoted += {'\\', c};
        } else if (static_cast<unsigned char>(c) < 0x20) {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            quoted += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return quoted + "\"";
}

// Each element as `print` gives it, in brackets.
template <class Elements, class Print>
std::string json_list(const Elements& elements, Print print) {
    std::string list = "[";
    for (const auto& element : elements) {
        list += (list.size() == 1 ? "" : ",") + print(element);
    }
    return list + "]";
}

std::string connection_json(const ConnectionSummary& one) {
    return fmt::format(
        R"({{"peer":{},"messages":{},"bytes":{},"kept_bytes":{},"age_seconds":{},"idle_seconds":{}}})",
        json_string(one.peer), one.messages, one.bytes, one.kept, to_seconds(one.age),
        to_seconds(one.idle));
}

std::string counters_json(const Counters& counters) {
    std::string object;
    visit_counters(
        counters, Counters{}, [&object](std::string_view name, std::uint64_t total, std::uint64_t) {
            object += fmt::format("{}{}:{}", object.empty() ? "" : ",", json_string(name), total);
        });
    return "{" + object + "}";
}

// Writes one metric family after the other: OpenMetrics wants all of a family together.
class Metrics {
public:
    void gauge(std::string_view name, std::string_view help, double value) {
        head(name, "gauge", help);
        text_ += fmt::format("{} {}\n", name, value);
    }
    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        head(name, "counter", help);
        text_ += fmt::format("{}_total {}\n", name, value);
    }
    void head(std::string_view name, std::string_view type, std::string_view help) {
        text_ += fmt::format("# TYPE {} {}\n", name, type);
        for (const std::string_view unit : {"bytes", "seconds"}) {
            if (name.ends_with(unit)) {
                text_ += fmt::format("# UNIT {} {}\n", name, unit);
            }
        }
        text_ += fmt::format("# HELP {} {}\n", name, help);
    }
    void line(const std::string& text) { text_ += text + "\n"; }
    [[nodiscard]] std::string finish() { return text_ + "# EOF\n"; }

private:
    std::string text_;
};

} // namespace

std::string format_status(const ServerState& state) {
    const Counters& counters = state.counters;
    std::string text =
        fmt::format("echod {}, pid {}, {} for {} on {}\n\n", ECHOD_VERSION, ::getpid(), state.phase,
                    humanize_duration(state.uptime), fmt::join(state.listeners, ", "));
    text += fmt::format("connections  {} open of {}, {} when full; {} waiting\n",
                        state.gauges.connections, state.limits.max_connections, when_full(state),
                        state.gauges.waiting);
    text += fmt::format(
        "accepted     {}, {} taken over; {} had waited; {} rejected, {} for their address; {} "
        "failed\n",
        counters.accepted, counters.restored, counters.queued, counters.rejected,
        counters.rejected_per_ip, counters.accept_errors);
    text += fmt::format("closed       {}", counters.closed_total());
    const char* separator = ": ";
    for (std::size_t i = 0; i < kCloseReasons; ++i) {
        if (counters.closed[i] != 0) {
            text += fmt::format("{}{} {}", std::exchange(separator, ", "), counters.closed[i],
                                to_string(static_cast<CloseReason>(i)));
        }
    }
    text += fmt::format("\nmessages     {} in, {} out, {} dropped; {} protocol errors\n",
                        counters.messages_in, counters.messages_out, counters.messages_dropped,
                        counters.protocol_errors);
    text += fmt::format("bytes        {} in, {} out, {} dropped, {} kept now\n", counters.bytes_in,
                        counters.bytes_out, counters.bytes_dropped, counters.kept_now());
    text +=
        fmt::format("loop         longest turn {}; {} turns ended at the quota, {} writes "
                    "stalled\n",
                    humanize_duration(state.longest_turn), counters.quota_turns, counters.stalls);
    append_connections(text, "busiest", state.busiest);
    append_connections(text, "oldest", state.oldest);
    return text;
}

// Made by hand, since whatever makes it must be able to say that memory is out.
std::string format_json(const ServerState& state) {
    std::string object;
    const auto add = [&object](std::string_view name, const std::string& value) {
        object += fmt::format("{}\"{}\":{}", object.empty() ? "{" : ",", name, value);
    };
    const auto number = [](auto value) { return fmt::format("{}", value); };
    add("schema", "1");
    add("version", json_string(ECHOD_VERSION));
    add("pid", number(::getpid()));
    add("phase", json_string(state.phase));
    add("listeners", json_list(state.listeners, json_string));
    add("uptime_seconds", number(to_seconds(state.uptime)));
    add("longest_turn_seconds", number(to_seconds(state.longest_turn)));
    add("connections", number(state.gauges.connections));
    add("waiting", number(state.gauges.waiting));
    add("kept_bytes", number(state.gauges.kept_bytes));
    add("max_connections", number(state.limits.max_connections));
    add("when_full", json_string(when_full(state)));
    add("counters", counters_json(state.counters));
    add("busiest", json_list(state.busiest, connection_json));
    add("oldest", json_list(state.oldest, connection_json));
    return object + "}\n";
}

std::string format_openmetrics(const ServerState& state) {
    const Counters& counters = state.counters;
    Metrics metrics;
    metrics.head("echod_build", "info", "The version that runs.");
    metrics.line(fmt::format("echod_build_info{{version=\"{}\"}} 1", ECHOD_VERSION));
    metrics.gauge("echod_uptime_seconds", "Time since the start.", to_seconds(state.uptime));
    metrics.gauge("echod_connections", "Connections open now.", state.gauges.connections);
    metrics.gauge("echod_connections_limit", "limits.max_connections.",
                  state.limits.max_connections);
    metrics.gauge("echod_connections_waiting",
                  "Connections left in the backlog: the server is full.", state.gauges.waiting);
    metrics.gauge("echod_kept_bytes", "Memory lent to connections for what they keep.",
                  static_cast<double>(state.gauges.kept_bytes));
    metrics.gauge("echod_longest_turn_seconds", "Longest turn of the loop since the start.",
                  to_seconds(state.longest_turn));
    metrics.counter("echod_connections_accepted", "Connections that got a place.",
                    counters.accepted);
    metrics.counter("echod_connections_restored", "Connections taken over from the process before.",
                    counters.restored);
    metrics.counter("echod_connections_queued", "Accepted connections that had waited for a place.",
                    counters.queued);
    metrics.head("echod_connections_rejected", "counter", "Connections closed at once.");
    metrics.line(
        fmt::format("echod_connections_rejected_total{{reason=\"full\"}} {}", counters.rejected));
    metrics.line(fmt::format("echod_connections_rejected_total{{reason=\"per_ip\"}} {}",
                             counters.rejected_per_ip));
    metrics.counter("echod_accept_errors", "Failures of accept(2).", counters.accept_errors);
    metrics.head("echod_connections_closed", "counter", "Connections ended, by reason.");
    for (std::size_t i = 0; i < kCloseReasons; ++i) {
        metrics.line(fmt::format("echod_connections_closed_total{{reason=\"{}\"}} {}",
                                 to_string(static_cast<CloseReason>(i)), counters.closed[i]));
    }
    metrics.counter("echod_messages_received", "Whole valid messages received.",
                    counters.messages_in);
    metrics.counter("echod_messages_sent", "Messages echoed.", counters.messages_out);
    metrics.counter("echod_messages_dropped", "Messages whose connection ended before the echo.",
                    counters.messages_dropped);
    metrics.counter("echod_messages_parked", "Messages owed and left to the next process.",
                    counters.messages_parked);
    metrics.counter("echod_messages_restored", "Messages owed by the process before.",
                    counters.messages_restored);
    metrics.counter("echod_received_bytes", "Bytes received.", counters.bytes_in);
    metrics.counter("echod_sent_bytes", "Bytes echoed.", counters.bytes_out);
    metrics.counter("echod_dropped_bytes", "Bytes received and not echoed.",
                    counters.bytes_dropped);
    metrics.counter("echod_parked_bytes", "Bytes left to the next process.", counters.bytes_parked);
    metrics.counter("echod_restored_bytes", "Bytes taken over from the process before.",
                    counters.bytes_restored);
    metrics.counter("echod_protocol_errors", "Headers with a size above the largest.",
                    counters.protocol_errors);
    metrics.counter("echod_quota_turns", "Turns that ended at the quota with more to do.",
                    counters.quota_turns);
    metrics.counter("echod_write_stalls", "Times the kernel took less than was owed.",
                    counters.stalls);
    return metrics.finish();
}

} // namespace echod
