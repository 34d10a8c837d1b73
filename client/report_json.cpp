// SPDX-License-Identifier: MIT
#include "base/sys_error.hpp"
#include "client/report.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace echoload {

namespace {

// Keeps the order in which fields are written, which is that of the text.
using Json = nlohmann::ordered_json;

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

Json seconds_or_null(std::optional<Duration> duration) {
    return duration ? Json(seconds(*duration)) : Json(nullptr);
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

Json asked(const Options& options) {
    return {
        {"loop", "closed"},
        {"targets", options.targets},
        {"connections", options.connections},
        {"duration_s", seconds_or_null(options.duration)},
        {"messages", or_null(options.messages)},
        {"pipeline", options.pipeline},
        {"sizes", options.sizes.text()},
        {"timeout_s", seconds(options.timeout)},
        {"connect_rate", or_null(options.connect_rate)},
        {"warmup_s", seconds(options.warmup)},
    };
}

Json connections(const Options& options, const RunResult& result) {
    const ConnectionCounts& counts = result.tally.connections;
    return {
        {"asked", options.connections},
        {"up", counts.up},
        {"peak", result.peak},
        {"failed", counts.failed},
        {"ended_early", counts.closed_early},
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
        const double window = seconds(*result.window);
        json["messages_per_s"] = static_cast<double>(result.tally.messages.in_window) / window;
        json["bytes_per_s"] = static_cast<double>(result.tally.bytes.in_window) / window;
    }
    return json;
}

Json latency(const Histogram& histogram) {
    Json json = {{"loop", "closed"}, {"count", histogram.count()}};
    json["min_ns"] = ns_or_null(histogram.min());
    json["mean_ns"] = ns_or_null(histogram.mean());
    for (const NamedPercentile& percentile : kPercentiles) {
        json[percentile.key] = ns_or_null(histogram.percentile(percentile.percent));
    }
    json["max_ns"] = ns_or_null(histogram.max());
    return json;
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

Json judged(const Verdict& verdict) {
    return {
        {"outcome", to_string(verdict.outcome)},
        {"exit_code", verdict.exit_code},
        {"reasons", verdict.reasons},
    };
}

} // namespace

std::string json_report(const Options& options, const RunResult* result, const Verdict& verdict) {
    Json json = {{"schema", kJsonSchema},
                 {"program", "echoload"},
                 {"version", ECHOD_VERSION},
                 {"seed", options.seed},
                 {"asked", asked(options)}};
    for (const char* key :
         {"started", "ramp_up_s", "window_s", "elapsed_s", "connections", "messages", "bytes",
          "rate", "latency", "errors", "mismatches", "gates"}) {
        json[key] = nullptr; // the order, and what a run that never began leaves
    }
    if (result != nullptr) {
        json["started"] =
            fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                        fmt::gmtime(std::chrono::system_clock::to_time_t(result->started)));
        json["ramp_up_s"] = seconds_or_null(result->ramp_up);
        json["window_s"] = seconds_or_null(result->window);
        json["elapsed_s"] = seconds(result->elapsed);
        json["connections"] = connections(options, *result);
        json["messages"] = messages(result->tally.messages);
        json["bytes"] = {{"sent", result->tally.bytes.sent},
                         {"received", result->tally.bytes.received},
                         {"in_window", result->tally.bytes.in_window}};
        json["rate"] = rate(*result);
        json["latency"] = latency(result->tally.service);
        json["errors"] = errors(result->tally.errors);
        json["mismatches"] = mismatches(result->mismatches);
        json["gates"] = gates(verdict.gates);
    }
    json["verdict"] = judged(verdict);
    // A target's name may be any bytes; what is no UTF-8 in it must not spoil the JSON.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace echoload
