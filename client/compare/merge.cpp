// SPDX-License-Identifier: MIT
#include "client/compare/merge.hpp"

#include "client/compare/one_run.hpp"
#include "client/compare/parts.hpp"
#include "client/report/read.hpp"
#include "client/report/stages.hpp"
#include "client/report/text_parts.hpp"
#include "client/result/verdict.hpp"

#include <fmt/format.h>
#include <system_error>

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace echoload {

namespace {

// `merge` of two values, or the one there is.
template <class T, class Merge>
void merge_optional(std::optional<T>& sum, const std::optional<T>& part, Merge merge) {
    if (sum && part) {
        merge(*sum, *part);
    } else if (part) {
        sum = part;
    }
}

template <class T>
void add(T& sum, const T& part) {
    sum += part;
}

template <class Counts, std::size_t N>
void add_counts(const NamedCount<Counts> (&names)[N], Counts& sum, const Counts& part) {
    for (const NamedCount<Counts>& name : names) {
        sum.*name.count += part.*name.count;
    }
}

void keep_larger(std::optional<double>& sum, std::optional<double> part) {
    sum = std::max(sum, part); // nothing is less than any number
}

void keep_same_or_null(Json& sum, const Json& part) {
    if (sum != part) {
        sum = nullptr;
    }
}

void append_list(Json& sum, const Json& part) {
    if (!sum.is_array()) {
        sum = Json::array();
    }
    sum.insert(sum.end(), part.begin(), part.end());
}

// Those that any of the results has.
void merge_percentiles(std::vector<double>& sum, const std::vector<double>& part) {
    for (const double percent : part) {
        if (std::find(sum.begin(), sum.end(), percent) == sum.end()) {
            sum.push_back(percent);
        }
    }
}

template <class T>
void append_rows(std::optional<std::vector<T>>& sum, const std::optional<std::vector<T>>& part) {
    sum = sum.value_or(std::vector<T>());
    if (part) {
        sum->insert(sum->end(), part->begin(), part->end());
    }
}

void merge_connections(ConnectionFigures& sum, const ConnectionFigures& part) {
    add_counts(kConnectionCounts, sum, part);
    merge_optional(sum.up_per_s, part.up_per_s, add<double>);
}

void merge_messages(MessageCounts& sum, const MessageCounts& part) {
    add_counts(kMessageCounts, sum, part);
    add_counts(kOpenLoopCounts, sum, part);
}

void merge_bytes(ByteCounts& sum, const ByteCounts& part) {
    add_counts(kByteCounts, sum, part);
}

void merge_rate(StoredRate& sum, const StoredRate& part) {
    merge_optional(sum.messages_per_s, part.messages_per_s, add<double>);
    merge_optional(sum.bytes_per_s, part.bytes_per_s, add<double>);
}

void merge_pace(StoredPace& sum, const StoredPace& part) {
    merge_optional(sum.requested_per_s, part.requested_per_s, add<double>);
    merge_optional(sum.achieved_per_s, part.achieved_per_s, add<double>);
}

void merge_latency(StoredLatency& sum, const StoredLatency& part) {
    sum.histogram.merge(part.histogram);
    if (sum.loop != part.loop) {
        sum.loop = "mixed";
    }
}

void merge_errors(std::vector<StoredError>& sum, const std::vector<StoredError>& part) {
    for (const StoredError& row : part) {
        const auto known = std::find_if(sum.begin(), sum.end(), [&row](const StoredError& each) {
            return each.phase == row.phase && each.error == row.error;
        });
        if (known == sum.end()) {
            sum.push_back(row);
        } else {
            known->count += row.count;
        }
    }
}

void merge_outage_counts(StoredOutages& sum, const StoredOutages& part) {
    add_counts(kOutageCounts, static_cast<OutageCounts&>(sum),
               static_cast<const OutageCounts&>(part));
    keep_larger(sum.longest_s, part.longest_s);
}

// The median of two cohorts cannot be made of their medians.
void merge_cohort(StoredCohort& sum, const StoredCohort& part) {
    add_counts(kAbuseCounts, sum.counts, part.counts);
    sum.median_open_s.reset();
    if (sum.expected != part.expected) {
        sum.expected.reset();
    }
    const bool met = sum.met == true && part.met == true;
    sum.met = sum.expected ? std::optional(met) : std::nullopt;
}

void merge_cohorts(std::vector<StoredCohort>& sum, const std::vector<StoredCohort>& part) {
    for (const StoredCohort& cohort : part) {
        const auto known = std::find_if(sum.begin(), sum.end(), [&](const StoredCohort& each) {
            return each.mode == cohort.mode;
        });
        if (known == sum.end()) {
            sum.push_back(cohort);
        } else {
            merge_cohort(*known, cohort);
        }
    }
}

void merge_mismatches(StoredMismatches& sum, const StoredMismatches& part) {
    sum.total += part.total;
    for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
        sum.by_kind[kind] += part.by_kind[kind];
    }
}

// Options that are quantities of the load: those of all parts together.
constexpr const char* kAddedOptions[] = {"connections", "messages",    "connect_rate",
                                         "rate",        "rate_at_end", "max_in_flight"};

Json added_option(const Json& a, const Json& b) {
    if (a.is_number_integer() && b.is_number_integer()) {
        return a.get<std::uint64_t>() + b.get<std::uint64_t>();
    }
    return a.is_number() && b.is_number() ? Json(a.get<double>() + b.get<double>()) : Json(nullptr);
}

// Modes of abuse with their connections; null where there is none.
void merge_modes(Json& sum, const Json& part) {
    if (!sum.is_object() || !part.is_object()) {
        sum = sum.is_object() ? sum : part;
        return;
    }
    for (const auto& item : part.items()) {
        sum[item.key()] =
            sum.contains(item.key()) ? added_option(sum[item.key()], item.value()) : item.value();
    }
}

void merge_targets(Json& sum, const Json& part) {
    for (const Json& target : part) {
        if (std::find(sum.begin(), sum.end(), target) == sum.end()) {
            sum.push_back(target);
        }
    }
}

// With `whole`, both have the quantities of the whole run, and not of a part.
void merge_options(Json& sum, const Json& part, bool whole) {
    for (const auto& item : part.items()) {
        const std::string& key = item.key();
        Json& value = sum[key];
        if (key == "targets") {
            merge_targets(value, item.value());
        } else if (key == "abuse" && !whole) {
            merge_modes(value, item.value());
        } else if (!whole && std::find(std::begin(kAddedOptions), std::end(kAddedOptions), key) !=
                                 std::end(kAddedOptions)) {
            value = added_option(value, item.value());
        } else {
            keep_same_or_null(value, item.value());
        }
    }
}

// That of a time which all parts have, with the largest delay.
void merge_start(Json& sum, const Json& part) {
    const auto at = value_at<std::string>(sum, "at");
    if (!at || at != value_at<std::string>(part, "at")) {
        sum = nullptr;
        return;
    }
    std::optional<double> late = value_at<double>(sum, "late_s");
    keep_larger(late, value_at<double>(part, "late_s"));
    sum["late_s"] = or_null(late);
}

Outcome outcome_of(const StoredVerdict& verdict) {
    return echod::enum_value<Outcome>(verdict.outcome).value_or(Outcome::ok);
}

void merge_verdict(StoredVerdict& sum, const StoredVerdict& part) {
    if (outcome_of(part) < outcome_of(sum)) {
        sum.outcome = part.outcome;
        sum.exit_code = part.exit_code;
    }
    sum.reasons.insert(sum.reasons.end(), part.reasons.begin(), part.reasons.end());
}

// What the sum no longer shows: which file a part came from, and its own figures.
Json row_of_part(const std::string& file, const StoredResult& result) {
    const auto measured = measured_part(result);
    return {
        {"file", file},
        {"seed", result.seed},
        {"started", or_null(result.started)},
        {"measured_from", measured ? Json(measured->from) : Json(nullptr)},
        {"measured_to", measured ? Json(measured->to) : Json(nullptr)},
        {"clock", result.clock},
        {"window_s", or_null(result.window_s)},
        {"messages_per_s", or_null(result.rate.value_or(StoredRate()).messages_per_s)},
        {"limit", result.bottleneck},
        {"verdict", verdict_json(result.verdict)},
        {"start", result.start},
        {"part", result.part},
    };
}

// A result that is a merged one already keeps its parts; each other one becomes a part, and its
// reasons name its file.
StoredResult read_part(const std::string& file) {
    StoredResult result = read_result(file);
    if (result.merged.is_null()) {
        result.merged = Json::array({row_of_part(file, result)});
        for (std::string& reason : result.verdict.reasons) {
            reason = fmt::format("{}: {}", file, reason);
        }
    }
    return result;
}

// The file of a program that ended, or was never started, before its result was written. One of
// which that is not known has something: reading it says why it cannot be read.
bool has_nothing(const std::string& file) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        return !error;
    }
    return std::filesystem::is_regular_file(file, error) &&
           std::filesystem::file_size(file, error) == 0;
}

} // namespace

void merge_into(StoredResult& sum, const StoredResult& part) {
    keep_same_or_null(sum.version, part.version);
    keep_same_or_null(sum.seed, part.seed);
    merge_options(sum.requested, part.requested, is_of_parts(sum) && is_of_parts(part));
    merge_start(sum.start, part.start);
    merge_percentiles(sum.percentiles, part.percentiles);
    merge_optional(sum.started, part.started, [](std::string& first, const std::string& other) {
        first = std::min(first, other); // UTC in one form: the earlier one sorts first
    });
    merge_optional(sum.ended, part.ended, [](std::string& last, const std::string& other) {
        last = std::max(last, other);
    });
    keep_same_or_null(sum.clock, part.clock);
    keep_larger(sum.ramp_up_s, part.ramp_up_s);
    keep_larger(sum.window_s, part.window_s);
    keep_larger(sum.elapsed_s, part.elapsed_s);
    merge_optional(sum.connections, part.connections, merge_connections);
    merge_optional(sum.messages, part.messages, merge_messages);
    merge_optional(sum.bytes, part.bytes, merge_bytes);
    merge_optional(sum.rate, part.rate, merge_rate);
    merge_optional(sum.pace, part.pace, merge_pace);
    for (std::size_t i = 0; i < sum.latencies.size(); ++i) {
        merge_optional(sum.latencies[i], part.latencies[i], merge_latency);
    }
    merge_optional(sum.stages, part.stages, merge_stages);
    sum.errors = sum.errors.value_or(std::vector<StoredError>());
    merge_optional(sum.errors, part.errors, merge_errors);
    append_list(sum.targets, part.targets);
    append_list(sum.addresses, part.addresses);
    keep_same_or_null(sum.fairness, part.fairness);
    keep_same_or_null(sum.steadiness, part.steadiness);
    if (!sum.outages.is_null() || !part.outages.is_null()) {
        append_list(sum.outages, part.outages);
    }
    merge_optional(sum.outage_counts, part.outage_counts, merge_outage_counts);
    merge_optional(sum.abuse, part.abuse, merge_cohorts);
    merge_optional(sum.wrong, part.wrong, merge_mismatches);
    append_rows(sum.mismatches, part.mismatches);
    keep_same_or_null(sum.client, part.client);
    append_list(sum.loops, part.loops);
    keep_same_or_null(sum.server, part.server);
    keep_same_or_null(sum.bottleneck, part.bottleneck);
    append_rows(sum.gates, part.gates);
    if (sum.aborted.is_null()) {
        sum.aborted = part.aborted;
    }
    merge_verdict(sum.verdict, part.verdict);
    append_list(sum.merged, part.merged);
}

CommandOutput merge_results(const MergeOptions& options) {
    std::vector<ReadResult> results;
    std::vector<std::string> without_result;
    for (const std::string& file : options.files) {
        if (has_nothing(file)) {
            without_result.push_back(file);
        } else {
            results.push_back({file, read_part(file)});
        }
    }
    if (!without_result.empty() && (results.empty() || !is_of_parts(results.front().result))) {
        (void)read_part(without_result.front()); // says what is wrong with it
    }
    require_parts_of_one_run(results, options.force); // first: it says more of them
    require_one_run(results, options.force);
    StoredResult merged = results.front().result;
    for (std::size_t i = 1; i < results.size(); ++i) {
        merge_into(merged, results[i].result);
    }
    merged.part = nullptr;
    merged.parts = parts_json(merged.merged);
    CommandOutput output;
    if (!merged.parts.is_null()) {
        merged.requested["part"] = nullptr;
        merged.verdict = verdict_of_parts(merged.merged, merged.parts, without_result);
        for (const std::string& fault : faults_of_parts(merged.parts)) {
            output.notes += fmt::format("echoload: {}\n", fault);
        }
    }
    output.text = write_json(result_json(merged));
    output.exit_code = merged.verdict.exit_code;
    return output;
}

} // namespace echoload
