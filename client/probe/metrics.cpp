// SPDX-License-Identifier: MIT
#include "client/probe/metrics.hpp"

#include "base/sys_error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>

namespace echoload {

namespace {

using MetricsOut = std::back_insert_iterator<std::string>;

// Upper bounds of the buckets, in nanoseconds and as the label has them in seconds.
struct Bound {
    std::uint64_t ns;
    const char* text;
};
constexpr Bound kBounds[] = {
    {10'000, "1e-05"},      {25'000, "2.5e-05"},   {50'000, "5e-05"},      {100'000, "0.0001"},
    {250'000, "0.00025"},   {500'000, "0.0005"},   {1'000'000, "0.001"},   {2'500'000, "0.0025"},
    {5'000'000, "0.005"},   {10'000'000, "0.01"},  {25'000'000, "0.025"},  {50'000'000, "0.05"},
    {100'000'000, "0.1"},   {250'000'000, "0.25"}, {500'000'000, "0.5"},   {1'000'000'000, "1"},
    {2'500'000'000, "2.5"}, {5'000'000'000, "5"},  {10'000'000'000, "10"},
};

std::string label_value(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            escaped += '\\';
        }
        escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return escaped;
}

void write_head(MetricsOut out, std::string_view name, std::string_view help,
                std::string_view type) {
    fmt::format_to(out, "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void write_one(MetricsOut out, std::string_view name, std::string_view help, std::string_view type,
               std::uint64_t value) {
    write_head(out, name, help, type);
    fmt::format_to(out, "{} {}\n", name, value);
}

// A value of each target; `value` makes it of a TargetState.
template <class Value>
void write_targets(MetricsOut out, const RunFigures& figures, std::string_view name,
                   std::string_view help, std::string_view type, Value value) {
    write_head(out, name, help, type);
    for (const TargetState& target : figures.targets) {
        fmt::format_to(out, "{}{{target=\"{}\"}} {}\n", name, label_value(target.target),
                       value(target));
    }
}

// A bucket of the histogram that contains a bound counts above it: less than 0.1 % of its value.
void write_histogram(MetricsOut out, std::string_view name, std::string_view help,
                     const Histogram& histogram) {
    write_head(out, name, help, "histogram");
    const std::vector<Histogram::Bucket> buckets = histogram.buckets();
    std::uint64_t count = 0;
    auto next = buckets.begin();
    for (const Bound& bound : kBounds) {
        for (; next != buckets.end() && next->upper_edge <= bound.ns; ++next) {
            count += next->count;
        }
        fmt::format_to(out, "{}_bucket{{le=\"{}\"}} {}\n", name, bound.text, count);
    }
    fmt::format_to(out, "{}_bucket{{le=\"+Inf\"}} {}\n{}_sum {:.9f}\n{}_count {}\n", name,
                   histogram.count(), name, std::stod(histogram.sum()) / 1e9, name,
                   histogram.count());
}

void write_messages(MetricsOut out, const RunFigures& figures) {
    const MessageCounts& counts = figures.tally.messages;
    write_one(out, "echoload_messages_sent_total", "Messages sent.", "counter", counts.sent);
    constexpr const char* kName = "echoload_messages_total";
    write_head(out, kName, "Messages by what became of them.", "counter");
    using Outcomes = std::vector<std::pair<const char*, std::uint64_t>>;
    Outcomes outcomes = {{"verified", counts.verified},
                         {"wrong", counts.wrong},
                         {"timed_out", counts.timed_out},
                         {"lost", counts.lost}};
    if (figures.open_loop) {
        outcomes.insert(outcomes.end(), {{"shed", counts.shed}, {"unsent", counts.unsent}});
    }
    for (const auto& [outcome, count] : outcomes) {
        fmt::format_to(out, "{}{{outcome=\"{}\"}} {}\n", kName, outcome, count);
    }
    write_one(out, "echoload_bytes_sent_total", "Bytes sent.", "counter", figures.tally.bytes.sent);
    write_one(out, "echoload_bytes_received_total", "Bytes received.", "counter",
              figures.tally.bytes.received);
}

void write_faults(MetricsOut out, const RunFigures& figures) {
    write_head(out, "echoload_errors_total", "Errors of connections, by phase and errno.",
               "counter");
    for (const ErrorCount& row : figures.tally.errors.rows()) {
        fmt::format_to(out, "echoload_errors_total{{phase=\"{}\",error=\"{}\"}} {}\n",
                       echod::enum_name(row.phase),
                       row.error == kEndOfFile ? "EOF" : echod::errno_name(row.error), row.count);
    }
    write_head(out, "echoload_wrong_echoes_total", "Wrong echoes, by kind.", "counter");
    for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
        fmt::format_to(out, "echoload_wrong_echoes_total{{kind=\"{}\"}} {}\n",
                       echod::kEnumNames<MismatchKind>[kind], figures.tally.wrong_by_kind[kind]);
    }
}

void write_outages(MetricsOut out, const RunFigures& figures) {
    write_targets(out, figures, "echoload_outages_total", "Outages of a target.", "counter",
                  [](const TargetState& target) { return target.outages; });
    write_targets(out, figures, "echoload_outage_seconds_total",
                  "Sum of the lengths of the outages of a target.", "counter",
                  [](const TargetState& target) {
                      return fmt::format("{:.9f}", echod::to_seconds(target.out));
                  });
    write_targets(out, figures, "echoload_outage", "1 while an outage of a target lasts.", "gauge",
                  [](const TargetState& target) { return target.out_since ? 1 : 0; });
}

} // namespace

void RunFigures::add(const LiveInterval& interval) {
    open_loop = interval.open_loop;
    reconnects = interval.reconnects;
    tally.merge(interval.tally);
    elapsed = interval.at;
    targets = interval.targets;
}

std::string metrics_text(const RunFigures& figures) {
    std::string text;
    const MetricsOut out(text);
    write_head(out, "echoload_build_info", "Version of echoload.", "gauge");
    fmt::format_to(out, "echoload_build_info{{version=\"{}\"}} 1\n", ECHOD_VERSION);
    write_head(out, "echoload_start_time_seconds", "When the run began, since the epoch.", "gauge");
    fmt::format_to(out, "echoload_start_time_seconds {:.3f}\n",
                   std::chrono::duration<double>(figures.started.time_since_epoch()).count());
    write_head(out, "echoload_run_seconds", "Time from the start to the last interval's end.",
               "gauge");
    fmt::format_to(out, "echoload_run_seconds {:.3f}\n", echod::to_seconds(figures.elapsed));
    write_targets(out, figures, "echoload_up",
                  "1 after a right echo; 0 without a connection, and after an interval with "
                  "failures or wrong echoes and no right one.",
                  "gauge", [](const TargetState& target) { return target.up ? 1 : 0; });
    write_targets(out, figures, "echoload_connections", "Connections to a target that are up.",
                  "gauge", [](const TargetState& target) { return target.open; });
    write_messages(out, figures);
    write_faults(out, figures);
    write_histogram(out, "echoload_latency_seconds",
                    "Time until the whole echo, from when a message was due (open loop) or sent.",
                    figures.open_loop ? figures.tally.response : figures.tally.service);
    write_histogram(out, "echoload_connect_latency_seconds",
                    "Time until a connection was established.", figures.tally.connect);
    if (figures.reconnects) {
        write_outages(out, figures);
    }
    return text;
}

} // namespace echoload
