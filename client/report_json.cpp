// SPDX-License-Identifier: MIT
#include "client/report_json.hpp"

#include "base/sys_error.hpp"
#include "client/limit.hpp"
#include "client/report.hpp"
#include "client/report_abuse.hpp"

#include <fmt/chrono.h>

namespace echoload {

namespace {

Json seconds_or_null(std::optional<Duration> duration) {
    return duration ? Json(echod::to_seconds(*duration)) : Json(nullptr);
}

Json ns_or_null(std::optional<Duration> duration) {
    return duration ? Json(duration->count()) : Json(nullptr);
}

template <class T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

std::string hex(const std::vector<std::byte>& bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        text += fmt::format("{:02x}", static_cast<unsigned>(byte));
    }
    return text;
}

Json connections(const Options& options, const RunResult& result) {
    const ConnectionCounts& counts = result.tally.connections;
    return {
        {"asked", options.connections},
        {"up", counts.up},
        {"peak", result.peak},
        {"failed", counts.failed},
        {"ended_early", counts.closed_early},
        {"replaced", counts.replaced},
        {"drained", counts.drained},
        {"up_per_s", result.window ? Json(static_cast<double>(counts.measured_up) /
                                          echod::to_seconds(*result.window))
                                   : Json(nullptr)},
        {"not_tried", result.not_tried},
    };
}

Json messages(const MessageCounts& counts) {
    return {
        {"sent", counts.sent},         {"verified", counts.verified},
        {"wrong", counts.wrong},       {"timed_out", counts.timed_out},
        {"lost", counts.lost},         {"in_flight_at_end", counts.in_flight},
        {"measured", counts.measured}, {"in_window", counts.in_window},
    };
}

Json rate(const RunResult& result) {
    Json json = {{"messages_per_s", nullptr}, {"bytes_per_s", nullptr}};
    if (result.window) {
        const double window = echod::to_seconds(*result.window);
        json["messages_per_s"] = static_cast<double>(result.tally.messages.in_window) / window;
        json["bytes_per_s"] = static_cast<double>(result.tally.bytes.in_window) / window;
    }
    return json;
}

// What only an open loop has; null where the loop was closed.
Json open_loop(const Options& options, const RunResult& result) {
    if (!options.pace) {
        return nullptr;
    }
    const MessageCounts& counts = result.tally.messages;
    return {
        {"asked_per_s", result.rate ? Json(result.rate->asked) : Json(nullptr)},
        {"achieved_per_s", result.rate ? Json(result.rate->achieved) : Json(nullptr)},
        {"due", counts.due},
        {"shed", counts.shed},
        {"unsent", counts.unsent},
        {"measured_due", counts.measured_due},
        {"measured_shed", counts.measured_shed},
        {"measured_gone", counts.measured_gone},
    };
}

Json loops(const std::vector<LoopUse>& uses) {
    Json rows = Json::array();
    for (const LoopUse& use : uses) {
        rows.push_back({
            {"cpu_share", use.share()},
            {"work_share", use.work_share()},
            {"user_s", echod::to_seconds(use.user)},
            {"system_s", echod::to_seconds(use.system)},
            {"wall_s", echod::to_seconds(use.wall)},
            {"turns", use.turns},
            {"mean_turn_ns", ns_or_null(use.mean_turn())},
            {"longest_turn_ns", use.turns == 0 ? Json(nullptr) : Json(use.longest_turn.count())},
            {"lag_p99_ns", ns_or_null(use.lag_p99)},
            {"lag_max_ns", ns_or_null(use.lag_max)},
        });
    }
    return rows;
}

Json errors(const ErrorTable& table) {
    Json rows = Json::array();
    for (const ErrorCount& row : table.rows()) {
        rows.push_back({
            {"phase", to_string(row.phase)},
            {"error", row.error == kEndOfFile ? "EOF" : echod::errno_name(row.error)},
            {"count", row.count},
        });
    }
    return rows;
}

Json wrong_by_kind(const Tally& tally) {
    Json json = {{"total", tally.mismatches}};
    for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
        json[std::string(to_string(static_cast<MismatchKind>(kind)))] = tally.wrong_by_kind[kind];
    }
    return json;
}

Json came(const std::optional<Origin>& origin) {
    if (!origin) {
        return nullptr;
    }
    return {{"connection", origin->connection},
            {"sequence", origin->sequence},
            {"offset", origin->offset}};
}

Json mismatches(const std::vector<Mismatch>& list) {
    Json rows = Json::array();
    for (const Mismatch& mismatch : list) {
        rows.push_back({
            {"kind", to_string(mismatch.kind)},
            {"connection", mismatch.connection},
            {"local", mismatch.local},
            {"peer", mismatch.peer},
            {"sequence", mismatch.sequence},
            {"length", mismatch.length},
            {"offset", mismatch.offset},
            {"came", came(mismatch.came)},
            {"excerpt_offset", mismatch.window},
            {"expected_hex", hex(mismatch.expected)},
            {"received_hex", hex(mismatch.received)},
        });
    }
    return rows;
}

Json gates(const std::vector<GateResult>& results) {
    Json rows = Json::array();
    const auto figure = [](const GateResult& gate, double value) {
        return gate.is_share ? Json(value) : Json(static_cast<std::int64_t>(value));
    };
    for (const GateResult& gate : results) {
        rows.push_back({
            {"gate", gate.name},
            {"unit", gate.is_share ? "share" : "ns"},
            {"measured", gate.measured ? figure(gate, *gate.measured) : Json(nullptr)},
            {"allowed", figure(gate, gate.allowed)},
            {"passed", gate.passed},
        });
    }
    return rows;
}

Json process_use(const std::optional<ProcessUse>& use) {
    if (!use) {
        return nullptr;
    }
    return {
        {"pid", use->pid},
        {"cpu_share", use->cpu},
        {"busiest_thread_share", use->busiest_thread},
        {"resident_before_bytes", use->resident_before},
        {"resident_bytes", use->resident},
        {"descriptors_before", or_null(use->descriptors_before)},
        {"descriptors", or_null(use->descriptors)},
    };
}

Json limit_json(const RunResult& result) {
    const Limit limit = find_limit(result);
    return {{"limited_by", to_string(limit.by)}, {"reason", limit.reason}};
}

Json judged(const Verdict& verdict) {
    return {
        {"outcome", to_string(verdict.outcome)},
        {"exit_code", verdict.exit_code},
        {"reasons", verdict.reasons},
    };
}

// Members for the modes that were asked for; null where none was.
Json asked_abuse(const AbuseOptions& abuse) {
    Json json;
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (abuse.connections[mode] != 0) {
            json[std::string(to_string(static_cast<AbuseMode>(mode)))] = abuse.connections[mode];
        }
    }
    return json;
}

Json expected_of_abuse(const AbuseOptions& abuse) {
    Json json;
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (const auto& expected = abuse.expected[mode]) {
            json[std::string(to_string(static_cast<AbuseMode>(mode)))] = to_string(*expected);
        }
    }
    return json;
}

// Numbers in lists stand on one line: a histogram has thousands of them.
bool is_compact(const Json& json) {
    return json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& each) {
               return each.is_number() || (each.is_array() && is_compact(each));
           });
}

void write(std::string& text, const Json& json, std::size_t depth) {
    if (!json.is_structured() || json.empty() || is_compact(json)) {
        // A target's name may be any bytes; what is no UTF-8 in it must not spoil the JSON.
        text += json.dump(-1, ' ', false, Json::error_handler_t::replace);
        return;
    }
    const std::string indent((depth + 1) * 2, ' ');
    text += json.is_object() ? '{' : '[';
    const char* between = "\n";
    for (const auto& item : json.items()) {
        text += between + indent;
        if (json.is_object()) {
            text += Json(item.key()).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
        }
        write(text, item.value(), depth + 1);
        between = ",\n";
    }
    text += "\n" + std::string(depth * 2, ' ') + (json.is_object() ? '}' : ']');
}

} // namespace

std::string write_json(const Json& json) {
    std::string text;
    write(text, json, 0);
    return text + "\n";
}

Json asked_json(const Options& options) {
    return {
        {"loop", options.pace ? "open" : "closed"},
        {"targets", options.targets},
        {"connections", options.connections},
        {"duration_s", seconds_or_null(options.duration)},
        {"messages", or_null(options.messages)},
        {"pipeline", options.pipeline},
        {"threads", options.threads},
        {"conn_messages", or_null(options.conn_messages)},
        {"source", options.source ? Json(options.source->text()) : Json(nullptr)},
        {"think_s", echod::to_seconds(options.think)},
        {"close", to_string(options.close)},
        {"sizes", options.sizes.text()},
        {"timeout_s", echod::to_seconds(options.timeout)},
        {"drain_s", seconds_or_null(options.drain)},
        {"connect_rate", or_null(options.connect_rate)},
        {"warmup_s", echod::to_seconds(options.warmup)},
        {"verify", to_string(options.verify)},
        {"on_mismatch", options.count_mismatches ? "count" : "stop"},
        {"split", to_string(options.split)},
        {"coalesce", options.coalesce},
        {"rate", options.pace ? Json(options.pace->first) : Json(nullptr)},
        {"rate_at_end", options.pace ? Json(options.pace->last) : Json(nullptr)},
        {"arrival", options.arrival == Arrival::poisson ? "poisson" : "const"},
        {"max_in_flight", options.max_in_flight},
        {"abuse", asked_abuse(options.abuse)},
        {"expect", expected_of_abuse(options.abuse)},
    };
}

std::string utc_text(std::chrono::system_clock::time_point when) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(when)));
}

Json latency_figures(const Histogram& histogram) {
    Json json = {{"count", histogram.count()}};
    json["min_ns"] = ns_or_null(histogram.min());
    json["mean_ns"] = ns_or_null(histogram.mean());
    for (const NamedPercentile& percentile : kPercentiles) {
        json[percentile.key] = ns_or_null(histogram.percentile(percentile.percent));
    }
    json["max_ns"] = ns_or_null(histogram.max());
    return json;
}

Json latency_json(std::string_view what, const Histogram& histogram) {
    Json json = {{"loop", what}};
    json.update(latency_figures(histogram));
    Json buckets = Json::array();
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
        buckets.push_back({bucket.upper_edge, bucket.count});
    }
    json["histogram"] = {
        {"scheme", kHistogramScheme}, {"sum_ns", histogram.sum()}, {"buckets", buckets}};
    return json;
}

std::string json_report(const Options& options, const RunResult* result, const Verdict& verdict) {
    Json json = {{"schema", kJsonSchema},
                 {"program", "echoload"},
                 {"version", ECHOD_VERSION},
                 {"seed", options.seed},
                 {"asked", asked_json(options)}};
    for (const char* key :
         {"started",         "ramp_up_s", "window_s",  "elapsed_s",     "connections", "messages",
          "bytes",           "rate",      "open_loop", "response",      "latency",     "lag",
          "connect_latency", "errors",    "abuse",     "wrong_by_kind", "mismatches",  "client",
          "loops",           "server",    "limit",     "gates"}) {
        json[key] = nullptr; // the order, and what a run that never began leaves
    }
    if (result != nullptr) {
        json["started"] = utc_text(result->started);
        json["ramp_up_s"] = seconds_or_null(result->ramp_up);
        json["window_s"] = seconds_or_null(result->window);
        json["elapsed_s"] = echod::to_seconds(result->elapsed);
        json["connections"] = connections(options, *result);
        json["messages"] = messages(result->tally.messages);
        json["bytes"] = {{"sent", result->tally.bytes.sent},
                         {"received", result->tally.bytes.received},
                         {"in_window", result->tally.bytes.in_window}};
        json["rate"] = rate(*result);
        json["open_loop"] = open_loop(options, *result);
        for (const NamedLatency& each : latencies(result->tally, options.pace.has_value())) {
            json[each.key] = latency_json(options.pace ? "open" : "closed", *each.histogram);
        }
        json["errors"] = errors(result->tally.errors);
        if (result->abuse) {
            json["abuse"] = abuse_json(options.abuse, *result->abuse);
        }
        json["wrong_by_kind"] = wrong_by_kind(result->tally);
        json["mismatches"] = mismatches(result->mismatches);
        json["client"] = process_use(result->client);
        json["loops"] = loops(result->loops);
        json["server"] = process_use(result->server);
        json["limit"] = limit_json(*result);
        json["gates"] = gates(verdict.gates);
    }
    json["verdict"] = judged(verdict);
    return write_json(json);
}

} // namespace echoload
