// SPDX-License-Identifier: MIT
#include "server/stats/json.hpp"

#include "base/printable.hpp"
#include "server/stats/counter_table.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace echod {

namespace {

// `text` in quotes. Bytes that are not UTF-8 become U+FFFD, because JSON must be UTF-8.
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

// The elements in brackets, each as print(element) returns it.
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
        json_string(one.peer), one.messages, one.bytes, one.buffered, to_seconds(one.age),
        to_seconds(one.idle));
}

std::string listener_json(const ListenerConnections& one) {
    return fmt::format(R"({{"listener":{},"connections":{}}})", json_string(one.listener),
                       one.connections);
}

std::string last_load_json(const LastLoad& load) {
    return fmt::format(R"({{"successful":{},"time_seconds":{},"success_time_seconds":{}}})",
                       load.successful, load.at, load.succeeded_at);
}

// Without the bound of the last bucket, which JSON could not express.
std::string turns_json(const TurnHistogram& turns) {
    return fmt::format(
        R"({{"up_to_seconds":{},"counts":{},"sum_seconds":{}}})",
        json_list(TurnHistogram::kBounds,
                  [](Duration bound) { return fmt::format("{}", to_seconds(bound)); }),
        json_list(turns.counts(), [](std::uint64_t count) { return fmt::format("{}", count); }),
        to_seconds(turns.sum()));
}

std::string polling_json(const PollingFigures& polling) {
    return fmt::format(R"({{"auto":{},"window_seconds":{},"polled_seconds":{}}})",
                       polling.automatic, to_seconds(polling.window), to_seconds(polling.polled));
}

std::string process_json(const ProcessFigures& process) {
    const auto or_null = [](const auto& value) {
        return value ? fmt::format("{}", *value) : std::string("null");
    };
    return fmt::format(R"({{"cpu_seconds":{},"open_fds":{},"max_fds":{},"virtual_memory_bytes":{},)"
                       R"("virtual_memory_max_bytes":{},"resident_memory_bytes":{}}})",
                       or_null(process.cpu_seconds), or_null(process.open_fds),
                       or_null(process.max_fds), or_null(process.virtual_memory),
                       or_null(process.max_virtual_memory), or_null(process.resident_memory));
}

std::string counters_json(const Counters& counters) {
    std::string object;
    visit_counters(counters, Counters{}, [&object](const CounterSample& counter) {
        object += fmt::format("{}{}:{}", object.empty() ? "" : ",", json_string(counter.name),
                              counter.total);
    });
    return "{" + object + "}";
}

} // namespace

// Written without a JSON library: out of memory must end this answer only, not the process.
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
    add("listeners_wanted", number(state.listeners_wanted));
    add("listener_connections", json_list(state.sockets.by_listener, listener_json));
    add("last_reload", last_load_json(state.last_load));
    add("start_time_seconds", number(state.started_at));
    add("uptime_seconds", number(to_seconds(state.uptime)));
    add("longest_turn_seconds", number(to_seconds(state.longest_turn)));
    add("turns", turns_json(state.turns));
    add("busy_poll", polling_json(state.polling));
    add("connections", number(state.gauges.connections));
    add("waiting", number(state.gauges.waiting));
    add("kept_bytes", number(state.gauges.buffered_bytes));
    add("socket_memory_bytes", number(state.sockets.memory));
    add("process", process_json(state.process));
    add("max_connections", number(state.limits.max_connections));
    add("when_full", json_string(enum_name(state.limits.when_full)));
    add("counters", counters_json(state.counters));
    add("busiest", json_list(state.busiest, connection_json));
    add("oldest", json_list(state.oldest, connection_json));
    return object + "}\n";
}

} // namespace echod
