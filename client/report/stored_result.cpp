// SPDX-License-Identifier: MIT
#include "client/report/stored_result.hpp"

#include "client/report/latency_json.hpp"
#include "client/report/mismatch_json.hpp"

#include <iterator>

namespace echoload {

namespace {

template <class Counts, std::size_t N>
Json counts_json(const NamedCount<Counts> (&names)[N], const Counts& counts) {
    Json json = Json::object();
    for (const NamedCount<Counts>& name : names) {
        json[name.key] = counts.*name.count;
    }
    return json;
}

Json connections_json(const ConnectionFigures& figures) {
    Json json = Json::object();
    for (const NamedCount<ConnectionFigures>& name : kConnectionCounts) {
        if (name.count == &ConnectionFigures::not_tried) {
            json["up_per_s"] = or_null(figures.up_per_s);
        }
        json[name.key] = figures.*name.count;
    }
    return json;
}

Json rate_json(const StoredRate& rate) {
    return {{"messages_per_s", or_null(rate.messages_per_s)},
            {"bytes_per_s", or_null(rate.bytes_per_s)}};
}

Json open_loop_json(const StoredPace& pace, const MessageCounts& counts) {
    Json json = {{"asked_per_s", or_null(pace.requested_per_s)},
                 {"achieved_per_s", or_null(pace.achieved_per_s)}};
    json.update(counts_json(kOpenLoopCounts, counts));
    return json;
}

Json errors_json(const std::vector<StoredError>& errors) {
    Json rows = Json::array();
    for (const StoredError& row : errors) {
        rows.push_back({{"phase", row.phase}, {"error", row.error}, {"count", row.count}});
    }
    return rows;
}

Json outage_counts_json(const StoredOutages& outages) {
    Json json = counts_json(kOutageCounts, static_cast<const OutageCounts&>(outages));
    json["longest_s"] = or_null(outages.longest_s);
    return json;
}

Json abuse_json(const std::vector<StoredCohort>& cohorts) {
    Json json = Json::object();
    for (const StoredCohort& cohort : cohorts) {
        Json row = counts_json(kAbuseCounts, cohort.counts);
        row["median_open_s"] = or_null(cohort.median_open_s);
        row["expected"] = or_null(cohort.expected);
        row["met"] = or_null(cohort.met);
        json[cohort.mode] = std::move(row);
    }
    return json;
}

Json wrong_json(const StoredMismatches& wrong) {
    Json json = {{"total", wrong.total}};
    for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
        json[std::string(echod::kEnumNames<MismatchKind>[kind])] = wrong.by_kind[kind];
    }
    return json;
}

Json gates_json(const std::vector<GateResult>& results) {
    Json rows = Json::array();
    const auto in_unit = [](Unit unit, double value) {
        const bool whole = unit == Unit::nanoseconds || unit == Unit::messages;
        return whole ? Json(static_cast<std::int64_t>(value)) : Json(value);
    };
    for (const GateResult& gate : results) {
        const Unit unit = gate.condition.figure.unit;
        rows.push_back({
            {"gate", gate.condition.figure.name},
            {"comparison", echod::enum_name(gate.condition.comparison)},
            {"unit", echod::enum_name(unit)},
            {"measured", gate.measured ? in_unit(unit, *gate.measured) : Json(nullptr)},
            {"allowed", in_unit(unit, gate.condition.value)},
            {"passed", gate.undecided() ? Json(nullptr) : Json(gate.passed)},
        });
    }
    return rows;
}

Json stages_json(const std::vector<StoredStage>& stages, const std::vector<double>& percentiles) {
    Json rows = Json::array();
    for (const StoredStage& stage : stages) {
        rows.push_back(stage_json(stage));
        rows.back()["response"] =
            latency_json(stage.response.loop, stage.response.histogram, percentiles);
    }
    return rows;
}

} // namespace

std::vector<std::string> targets_of(const Json& requested) {
    return value_at<std::vector<std::string>>(requested, "targets")
        .value_or(std::vector<std::string>());
}

const StoredLatency* StoredResult::find_latency(std::string_view key) const noexcept {
    for (std::size_t i = 0; i < std::size(kLatencyKeys); ++i) {
        if (key == kLatencyKeys[i] && latencies[i]) {
            return &*latencies[i];
        }
    }
    return nullptr;
}

Json stage_json(const StoredStage& stage) {
    return {{"from_s", stage.from_s},     {"length_s", stage.length_s},
            {"rate", stage.rate},         {"rate_at_end", stage.rate_at_end},
            {"due", stage.due},           {"shed", stage.shed},
            {"verified", stage.verified}, {"messages_per_s", or_null(stage.messages_per_s)}};
}

Json verdict_json(const StoredVerdict& verdict) {
    return {{"outcome", verdict.outcome},
            {"exit_code", verdict.exit_code},
            {"reasons", verdict.reasons}};
}

Json result_json(const StoredResult& result) {
    Json json = {{"schema", kJsonSchema},          {"program", "echoload"},
                 {"version", result.version},      {"seed", result.seed},
                 {"asked", result.requested},      {"started", or_null(result.started)},
                 {"ended", or_null(result.ended)}, {"clock", result.clock}};
    json["start"] = result.start;
    json["part"] = result.part;
    json["percentiles"] = result.percentiles;
    json["ramp_up_s"] = or_null(result.ramp_up_s);
    json["window_s"] = or_null(result.window_s);
    json["elapsed_s"] = or_null(result.elapsed_s);
    json["connections"] = result.connections ? connections_json(*result.connections) : Json();
    json["messages"] = result.messages ? counts_json(kMessageCounts, *result.messages) : Json();
    json["bytes"] = result.bytes ? counts_json(kByteCounts, *result.bytes) : Json();
    json["rate"] = result.rate ? rate_json(*result.rate) : Json();
    json["open_loop"] =
        result.pace && result.messages ? open_loop_json(*result.pace, *result.messages) : Json();
    for (const char* key : kLatencyKeys) {
        const StoredLatency* const latency = result.find_latency(key);
        json[key] = latency != nullptr
                        ? latency_json(latency->loop, latency->histogram, result.percentiles)
                        : Json();
    }
    json["stages"] = result.stages ? stages_json(*result.stages, result.percentiles) : Json();
    json["errors"] = result.errors ? errors_json(*result.errors) : Json();
    json["targets"] = result.targets;
    json["addresses"] = result.addresses;
    json["fairness"] = result.fairness;
    json["steadiness"] = result.steadiness;
    json["outages"] = result.outages;
    json["outage_counts"] =
        result.outage_counts ? outage_counts_json(*result.outage_counts) : Json();
    json["abuse"] = result.abuse ? abuse_json(*result.abuse) : Json();
    json["wrong_by_kind"] = result.wrong ? wrong_json(*result.wrong) : Json();
    json["mismatches"] = result.mismatches ? mismatches_json(*result.mismatches) : Json();
    json["client"] = result.client;
    json["loops"] = result.loops;
    json["server"] = result.server;
    json["limit"] = result.bottleneck;
    json["gates"] = result.gates ? gates_json(*result.gates) : Json();
    json["aborted"] = result.aborted;
    json["verdict"] = verdict_json(result.verdict);
    if (!result.merged.is_null()) {
        json["merged"] = result.merged;
        json["parts"] = result.parts;
    }
    return json;
}

} // namespace echoload
