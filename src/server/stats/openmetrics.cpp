// SPDX-License-Identifier: MIT
#include "server/stats/openmetrics.hpp"

#include "server/stats/counter_table.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace echod {

namespace {

// Collects the text. OpenMetrics wants all samples of a family together, behind its metadata.
class Metrics {
public:
    void gauge(std::string_view name, std::string_view help, double value) {
        head(name, "gauge", help);
        text_ += fmt::format("{} {}\n", name, value);
    }
    /// One sample of a counter; the metadata comes with the first sample of a family.
    void counter(const CounterSample& counter) {
        const CounterInfo& info = counter.info;
        if (info.metric != std::exchange(family_, info.metric)) {
            head(info.metric, "counter", info.help);
        }
        const std::string label =
            counter.reason.empty() ? "" : fmt::format("{{reason=\"{}\"}}", counter.reason);
        text_ += fmt::format("{}_total{} {}\n", info.metric, label, counter.total);
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
    std::string_view family_; ///< of the last counter
};

} // namespace

std::string format_openmetrics(const ServerState& state) {
    Metrics metrics;
    metrics.head("echod_build", "info", "The version of the daemon.");
    metrics.line(fmt::format("echod_build_info{{version=\"{}\"}} 1", ECHOD_VERSION));
    metrics.gauge("echod_uptime_seconds", "Seconds since the start.", to_seconds(state.uptime));
    metrics.gauge("echod_connections", "Open connections.", state.gauges.connections);
    metrics.gauge("echod_connections_limit", "The value of limits.max_connections.",
                  state.limits.max_connections);
    metrics.gauge("echod_connections_waiting",
                  "Connections in the backlog because the server is full.", state.gauges.waiting);
    metrics.gauge("echod_kept_bytes", "Bytes of memory lent to connections for buffered bytes.",
                  static_cast<double>(state.gauges.buffered_bytes));
    metrics.gauge("echod_longest_turn_seconds",
                  "The longest iteration of the loop since the start.",
                  to_seconds(state.longest_turn));
    visit_counters(state.counters, Counters{}, [&metrics](const CounterSample& counter) {
        if (counter.has_metric) {
            metrics.counter(counter);
        }
    });
    return metrics.finish();
}

} // namespace echod
