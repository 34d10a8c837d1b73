// SPDX-License-Identifier: MIT
#include "server/stats/metrics.hpp"

#include "server/stats/counter_table.hpp"

#include <fmt/format.h>

#include <optional>

namespace echod {

namespace {

// `{name="value"}`. Both formats want a backslash before these characters.
std::string label(std::string_view name, std::string_view value) {
    std::string escaped;
    for (const char c : value) {
        if (c == '\n') {
            escaped += "\\n";
        } else {
            escaped += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
        }
    }
    return fmt::format("{{{}=\"{}\"}}", name, escaped);
}

class FamilyList {
public:
    template <class Number>
    void add(std::string_view name, std::string_view help, Number value,
             MetricType type = MetricType::gauge) {
        families_.push_back({name, type, help, {{{}, {}, fmt::format("{}", value)}}});
    }
    template <class Number>
    void add(std::string_view name, std::string_view help, std::optional<Number> value,
             MetricType type = MetricType::gauge) {
        if (value) {
            add(name, help, *value, type);
        }
    }
    void add_counter(const CounterSample& counter) {
        const CounterInfo& info = counter.info;
        if (families_.back().name != info.metric) {
            families_.push_back({info.metric, MetricType::counter, info.help, {}});
        }
        families_.back().samples.push_back(
            {{},
             counter.reason.empty() ? "" : label("reason", counter.reason),
             fmt::format("{}", counter.total)});
    }
    void add_histogram(std::string_view name, std::string_view help,
                       const TurnHistogram& histogram) {
        MetricFamily family{name, MetricType::histogram, help, {}};
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
            count += histogram.counts()[i];
            const std::string bound = i < TurnHistogram::kBounds.size()
                                          ? fmt::format("{}", to_seconds(TurnHistogram::kBounds[i]))
                                          : "+Inf";
            family.samples.push_back({"_bucket", label("le", bound), fmt::format("{}", count)});
        }
        family.samples.push_back({"_sum", {}, fmt::format("{}", to_seconds(histogram.sum()))});
        family.samples.push_back({"_count", {}, fmt::format("{}", count)});
        families_.push_back(std::move(family));
    }
    void add_family(MetricFamily family) {
        if (!family.samples.empty()) {
            families_.push_back(std::move(family));
        }
    }
    [[nodiscard]] std::vector<MetricFamily> take() { return std::move(families_); }

private:
    std::vector<MetricFamily> families_;
};

void add_state(FamilyList& list, const ServerState& state) {
    list.add_family({"echod_build",
                     MetricType::info,
                     "The version of the daemon.",
                     {{{}, label("version", ECHOD_VERSION), "1"}}});
    list.add("echod_uptime_seconds", "Seconds since the start.", to_seconds(state.uptime));
    list.add("echod_draining", "1 while the daemon stops, otherwise 0.",
             state.phase == "draining" ? 1 : 0);
    list.add("echod_reload_successful",
             "1 if the configuration was valid when it was last loaded, otherwise 0.",
             state.last_load.successful ? 1 : 0);
    list.add("echod_reload_timestamp_seconds",
             "When the configuration was last loaded, at the start or a reload.",
             state.last_load.at);
    list.add("echod_reload_success_timestamp_seconds",
             "When the configuration was last loaded with success; 0: not since the start.",
             state.last_load.succeeded_at);
    list.add("echod_listeners_wanted", "Addresses on which the daemon is to listen.",
             state.listeners_wanted);
    list.add("echod_listeners_bound", "Addresses on which the daemon listens.",
             state.listeners.size());
}

void add_connections(FamilyList& list, const ServerState& state) {
    list.add("echod_connections", "Open connections.", state.gauges.connections);
    MetricFamily by_listener{
        "echod_listener_connections", MetricType::gauge, "Open connections, by listener.", {}};
    for (const ListenerConnections& one : state.sockets.by_listener) {
        by_listener.samples.push_back(
            {{}, label("listener", one.listener), fmt::format("{}", one.connections)});
    }
    list.add_family(std::move(by_listener));
    list.add("echod_connections_limit", "The value of limits.max_connections.",
             state.limits.max_connections);
    list.add("echod_connections_waiting", "Connections in the backlog because the server is full.",
             state.gauges.waiting);
    list.add("echod_kept_bytes", "Bytes of memory lent to connections for buffered bytes.",
             state.gauges.buffered_bytes);
    list.add("echod_socket_memory_bytes",
             "Bytes of kernel memory that the sockets of connections hold.", state.sockets.memory);
    list.add("echod_longest_turn_seconds", "The longest iteration of the loop since the start.",
             to_seconds(state.longest_turn));
    list.add_histogram("echod_turn_seconds", "Iterations of the loop, by length.", state.turns);
    list.add("echod_busy_poll_window_seconds",
             "How long the loop polls at most before it sleeps; 0: not at all.",
             to_seconds(state.polling.window));
    list.add("echod_busy_poll_seconds", "Time in which the loop polled instead of sleeping.",
             to_seconds(state.polling.polled), MetricType::counter);
}

// The names are those of Prometheus' own clients.
void add_process(FamilyList& list, const ServerState& state) {
    const ProcessFigures& process = state.process;
    list.add("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
             state.started_at);
    list.add("process_cpu_seconds", "Total user and system CPU time spent in seconds.",
             process.cpu_seconds, MetricType::counter);
    list.add("process_open_fds", "Number of open file descriptors.", process.open_fds);
    list.add("process_max_fds", "Maximum number of open file descriptors.", process.max_fds);
    list.add("process_virtual_memory_bytes", "Virtual memory size in bytes.",
             process.virtual_memory);
    list.add("process_virtual_memory_max_bytes",
             "Maximum amount of virtual memory available in bytes.", process.max_virtual_memory);
    list.add("process_resident_memory_bytes", "Resident memory size in bytes.",
             process.resident_memory);
}

} // namespace

std::vector<MetricFamily> metric_families(const ServerState& state) {
    FamilyList list;
    add_state(list, state);
    add_connections(list, state);
    visit_counters(state.counters, Counters{}, [&list](const CounterSample& counter) {
        if (counter.has_metric) {
            list.add_counter(counter);
        }
    });
    add_process(list, state);
    return list.take();
}

} // namespace echod
