// SPDX-License-Identifier: MIT
#include "client/report/json.hpp"

#include "base/sys_error.hpp"
#include "client/report/latency_json.hpp"
#include "client/report/options_json.hpp"
#include "client/report/outages.hpp"
#include "client/report/stages.hpp"
#include "client/result/bottleneck.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

StoredRate rate_of(const RunResult& result) {
    if (!result.window) {
        return {};
    }
    const double window = echod::to_seconds(*result.window);
    return {static_cast<double>(result.tally.messages.in_window) / window,
            static_cast<double>(result.tally.bytes.in_window) / window};
}

StoredPace pace_of(const RunResult& result) {
    return result.rate ? StoredPace{result.rate->requested, result.rate->achieved} : StoredPace();
}

std::vector<StoredError> errors_of(const ErrorTable& table) {
    std::vector<StoredError> errors;
    errors.reserve(table.rows().size());
    for (const ErrorCount& row : table.rows()) {
        errors.push_back({std::string(echod::enum_name(row.phase)),
                          row.error == kEndOfFile ? kEndOfFileName : echod::errno_name(row.error),
                          row.count});
    }
    return errors;
}

Json error_rows(const ErrorTable& table) {
    Json rows = Json::array();
    for (const StoredError& row : errors_of(table)) {
        rows.push_back({{"phase", row.phase}, {"error", row.error}, {"count", row.count}});
    }
    return rows;
}

// The figures of the latency that limits mean.
Json main_latency(const Tally& tally, bool open_loop) {
    return latency_figures(loop_latency(tally, open_loop));
}

Json addresses_json(const std::vector<AddressUse>& uses, bool open_loop) {
    Json rows = Json::array();
    for (const AddressUse& use : uses) {
        rows.push_back({{"target", use.target},
                        {"address", use.address},
                        {"up", use.up},
                        {"overtaken", use.overtaken},
                        {"echoed", use.echoed},
                        {"errors", error_rows(use.errors)},
                        {"latency", main_latency(use.tally, open_loop)}});
    }
    return rows;
}

Json targets_json(const std::vector<AddressUse>& uses, bool open_loop) {
    Json rows = Json::array();
    for (const TargetUse& use : sum_by_target(uses)) {
        const ConnectionCounts& connections = use.tally.connections;
        const MessageCounts& messages = use.tally.messages;
        rows.push_back({{"target", use.target},
                        {"up", connections.up},
                        {"failed", connections.failed},
                        {"ended_early", connections.closed_early},
                        {"sent", messages.sent},
                        {"verified", messages.verified},
                        {"wrong", messages.wrong},
                        {"timed_out", messages.timed_out},
                        {"lost", messages.lost},
                        {"sent_bytes", use.tally.bytes.sent},
                        {"received_bytes", use.tally.bytes.received},
                        {"errors", error_rows(use.tally.errors)},
                        {"latency", main_latency(use.tally, open_loop)}});
    }
    return rows;
}

Json fairness_json(const std::optional<Fairness>& fairness) {
    if (!fairness) {
        return nullptr;
    }
    Json worst = Json::array();
    for (const ConnectionUse& each : fairness->worst) {
        worst.push_back({{"connection", each.connection},
                         {"port", each.port == 0 ? Json(nullptr) : Json(each.port)},
                         {"count", each.values},
                         {"mean_ns", each.mean().count()}});
    }
    return {{"connections", fairness->connections},
            {"without_values", fairness->without_values},
            {"slowest_decile_ns", fairness->slowest_decile.count()},
            {"fastest_decile_ns", fairness->fastest_decile.count()},
            {"worst", std::move(worst)}};
}

Json steadiness_json(const std::optional<Steadiness>& steadiness) {
    if (!steadiness) {
        return nullptr;
    }
    return {{"steady", steadiness->steady},
            {"first_third_per_s", steadiness->first_third_per_s},
            {"last_third_per_s", steadiness->last_third_per_s},
            {"change_share", steadiness->change()}};
}

std::vector<StoredCohort> cohorts_of(const AbuseOptions& options, const AbuseResult& result) {
    std::vector<StoredCohort> cohorts;
    for (std::size_t i = 0; i < kAbuseModes; ++i) {
        const AbuseCounts& counts = result[i];
        if (counts.asked == 0) {
            continue;
        }
        const auto mode = static_cast<AbuseMode>(i);
        StoredCohort cohort{std::string(echod::enum_name(mode)), counts,
                            seconds_of(counts.median_open), std::nullopt, std::nullopt};
        if (const auto expected = options.expected[i]) {
            cohort.expected = echod::enum_name(*expected);
            cohort.met = !unmet(mode, *expected, counts);
        }
        cohorts.push_back(std::move(cohort));
    }
    return cohorts;
}

Json loops_json(const std::vector<LoopUse>& uses) {
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
            {"wait_s", or_null(seconds_of(use.waited))},
            {"gaps_s", echod::to_seconds(use.gaps)},
            {"longest_gap_ns", use.longest_gap.count()},
            {"longest_turn_ns", use.turns == 0 ? Json(nullptr) : Json(use.longest_turn.count())},
            {"lag_p99_ns", ns_or_null(use.lag_p99)},
            {"lag_max_ns", ns_or_null(use.lag_max)},
        });
    }
    return rows;
}

Json process_json(const std::optional<ProcessUse>& use) {
    if (!use) {
        return nullptr;
    }
    return {
        {"pid", use->pid},
        {"cpu_share", use->too_short ? Json(nullptr) : Json(use->cpu)},
        {"busiest_thread_share", use->too_short ? Json(nullptr) : Json(use->busiest_thread)},
        {"longest_wait_share", use->too_short ? Json(nullptr) : or_null(use->longest_wait)},
        {"quota_periods", use->throttling ? Json(use->throttling->periods) : Json(nullptr)},
        {"throttled_periods", use->throttling ? Json(use->throttling->throttled) : Json(nullptr)},
        {"resident_before_bytes", or_null(use->resident_before)},
        {"resident_bytes", or_null(use->resident)},
        {"descriptors_before", or_null(use->descriptors_before)},
        {"descriptors", or_null(use->descriptors)},
    };
}

Json clock_json(const std::optional<ClockState>& clock) {
    if (!clock) {
        return nullptr;
    }
    return {{"synchronised", clock->synchronised},
            {"estimated_error_s",
             clock->synchronised ? Json(echod::to_seconds(clock->estimated_error)) : Json(nullptr)},
            {"maximum_error_s",
             clock->synchronised ? Json(echod::to_seconds(clock->maximum_error)) : Json(nullptr)}};
}

Json start_json(const std::optional<StartUse>& start) {
    if (!start) {
        return nullptr;
    }
    return {{"at", utc_text(start->at)}, {"late_s", or_null(seconds_of(start->late))}};
}

Json part_json(const std::optional<RunPart>& part) {
    if (!part) {
        return nullptr;
    }
    return {
        {"number", part->number}, {"of", part->of}, {"first_connection", part->first_connection}};
}

Json bottleneck_json(const RunResult& result) {
    const Bottleneck bottleneck = find_bottleneck(result);
    return {{"limited_by", echod::enum_name(bottleneck.where)}, {"reason", bottleneck.reason}};
}

Json aborted_json(const std::optional<Aborted>& aborted) {
    if (!aborted) {
        return nullptr;
    }
    return {{"condition", aborted->condition.text},
            {"after_s", echod::to_seconds(aborted->after)},
            {"unit", echod::enum_name(aborted->condition.figure.unit)},
            {"measured", aborted->measured}};
}

void store_latencies(StoredResult& stored, const Tally& tally, bool open_loop) {
    for (const NamedLatency& each : latencies(tally, open_loop)) {
        for (std::size_t i = 0; i < std::size(kLatencyKeys); ++i) {
            if (std::string_view(each.key) == kLatencyKeys[i]) {
                stored.latencies[i] = {open_loop ? "open" : "closed", *each.histogram};
            }
        }
    }
}

void store_outages(StoredResult& stored, const RunResult& result, bool open_loop) {
    if (!result.outages) {
        return;
    }
    stored.outages = outages_json(*result.outages, result.started);
    stored.outage_counts = stored_outages(*result.outages);
    stored.latencies[std::size(kLatencyKeys) - 1] = {open_loop ? "open" : "closed",
                                                     result.outages->interruptions};
}

ConnectionFigures connection_figures(std::uint64_t requested, const RunResult& result) {
    ConnectionFigures figures{result.tally.connections, requested, result.peak, result.not_tried,
                              std::nullopt};
    if (result.window) {
        figures.up_per_s =
            static_cast<double>(figures.measured_up) / echod::to_seconds(*result.window);
    }
    return figures;
}

} // namespace

StoredResult stored_result(const Options& options, const RunResult* result,
                           const Verdict& verdict) {
    StoredResult stored;
    stored.version = ECHOD_VERSION;
    stored.seed = options.seed;
    stored.requested = options_json(options);
    stored.percentiles = options.percentiles;
    stored.part = part_json(options.part);
    stored.verdict = {std::string(echod::enum_name(verdict.outcome)), verdict.exit_code,
                      verdict.reasons};
    if (result == nullptr) {
        return stored;
    }
    stored.started = utc_text(result->started);
    stored.ended = utc_text(result->ended);
    stored.clock = clock_json(result->clock);
    stored.start = start_json(result->start);
    stored.ramp_up_s = seconds_of(result->ramp_up);
    stored.window_s = seconds_of(result->window);
    stored.elapsed_s = echod::to_seconds(result->elapsed);
    stored.connections = connection_figures(options.connections, *result);
    stored.messages = result->tally.messages;
    stored.bytes = result->tally.bytes;
    stored.rate = rate_of(*result);
    if (options.pace) {
        stored.pace = pace_of(*result);
        stored.stages = stages_of(*options.pace, *result);
    }
    store_latencies(stored, result->tally, options.pace.has_value());
    stored.errors = errors_of(result->tally.errors);
    stored.targets = targets_json(result->addresses, options.pace.has_value());
    stored.addresses = addresses_json(result->addresses, options.pace.has_value());
    stored.fairness = fairness_json(result->fairness);
    stored.steadiness = steadiness_json(result->steadiness);
    store_outages(stored, *result, options.pace.has_value());
    if (result->abuse) {
        stored.abuse = cohorts_of(options.abuse, *result->abuse);
    }
    stored.wrong = {result->tally.mismatches, result->tally.wrong_by_kind};
    stored.mismatches = result->mismatches;
    stored.client = process_json(result->client);
    stored.loops = loops_json(result->loops);
    stored.server = process_json(result->server);
    stored.bottleneck = bottleneck_json(*result);
    stored.gates = verdict.gates;
    stored.aborted = aborted_json(result->aborted);
    return stored;
}

std::string json_report(const Options& options, const RunResult* result, const Verdict& verdict) {
    return write_json(result_json(stored_result(options, result, verdict)));
}

} // namespace echoload
