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
    add("uptime_seconds", number(to_seconds(state.uptime)));
    add("longest_turn_seconds", number(to_seconds(state.longest_turn)));
    add("connections", number(state.gauges.connections));
    add("waiting", number(state.gauges.waiting));
    add("kept_bytes", number(state.gauges.buffered_bytes));
    add("max_connections", number(state.limits.max_connections));
    add("when_full", json_string(enum_name(state.limits.when_full)));
    add("counters", counters_json(state.counters));
    add("busiest", json_list(state.busiest, connection_json));
    add("oldest", json_list(state.oldest, connection_json));
    return object + "}\n";
}

} // namespace echod
