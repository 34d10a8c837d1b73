// SPDX-License-Identifier: MIT
#include "client/report/read.hpp"

#include "base/sys_error.hpp"
#include "client/report/carried.hpp"
#include "client/report/json_reader.hpp"
#include "client/report/latency_json.hpp"
#include "client/report/mismatch_json.hpp"
#include "client/result/bad_result.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>
#include <stdexcept>

namespace echoload {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::string read_file(const std::string& path) {
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
    std::string text;
    std::array<char, 65536> buffer{};
    while (file) {
        const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get());
        text.append(buffer.data(), size);
        if (size == 0) {
            break;
        }
    }
    if (!file || std::ferror(file.get()) != 0) {
        throw BadResult(fmt::format("cannot read {}: {}", path, echod::describe_errno(errno)));
    }
    return text;
}

// `read` of the member of that name, or nothing where it is null or missing.
template <class Read>
auto optional_field(const JsonReader& parent, const char* key, Read read)
    -> std::optional<decltype(read(parent))> {
    const auto found = parent.find(key);
    return found && !found->is_null() ? std::optional(read(*found)) : std::nullopt;
}

// As optional_field(), but a result has that member, be it null.
template <class Read>
auto required_field(const JsonReader& parent, const char* key, Read read)
    -> std::optional<decltype(read(parent))> {
    (void)parent.field(key);
    return optional_field(parent, key, read);
}

std::string read_text(const JsonReader& value) {
    return value.text();
}

std::optional<double> number_in(const JsonReader& parent, const char* key) {
    const auto found = parent.find(key);
    return found ? found->number() : std::nullopt;
}

Json json_in(const JsonReader& parent, const char* key) {
    const auto found = parent.find(key);
    return found ? found->json() : Json(nullptr);
}

// As json_in(), of a section whose members `check` requires to have their types.
Json checked_in(const JsonReader& parent, const char* key, void (*check)(const JsonReader&)) {
    const auto found = parent.find(key);
    if (found && !found->is_null()) {
        check(*found);
    }
    return found ? found->json() : Json(nullptr);
}

template <class Counts, std::size_t N>
void read_counts(const JsonReader& section, const NamedCount<Counts> (&names)[N], Counts& counts) {
    for (const NamedCount<Counts>& name : names) {
        if (const auto found = section.find(name.key); found && !found->is_null()) {
            counts.*name.count = found->count();
        }
    }
}

ConnectionFigures read_connections(const JsonReader& section) {
    ConnectionFigures figures;
    read_counts(section, kConnectionCounts, figures);
    figures.up_per_s = number_in(section, "up_per_s");
    return figures;
}

MessageCounts read_messages(const JsonReader& section) {
    MessageCounts counts;
    read_counts(section, kMessageCounts, counts);
    return counts;
}

ByteCounts read_bytes(const JsonReader& section) {
    ByteCounts counts;
    read_counts(section, kByteCounts, counts);
    return counts;
}

StoredRate read_rate(const JsonReader& section) {
    return {number_in(section, "messages_per_s"), number_in(section, "bytes_per_s")};
}

StoredPace read_pace(const JsonReader& section) {
    return {number_in(section, "asked_per_s"), number_in(section, "achieved_per_s")};
}

Histogram read_histogram(const JsonReader& latency) {
    const std::uint64_t count = latency.field("count").count();
    if (count == 0) {
        return {};
    }
    const JsonReader histogram = latency.field("histogram");
    const JsonReader scheme = histogram.field("scheme");
    scheme.require(scheme.json() == kHistogramScheme, fmt::format("must be {}", kHistogramScheme));
    const JsonReader sum = histogram.field("sum_ns");
    sum.require(sum.json().is_string(), "must be digits in a text");
    const JsonReader list = histogram.field("buckets");
    std::vector<Histogram::Bucket> buckets;
    for (const JsonReader& bucket : list.list()) {
        bucket.require(bucket.json().is_array() && bucket.json().size() == 2,
                       "must be [upper edge, count]");
        buckets.push_back({JsonReader(bucket.json()[0], bucket.place()).count(),
                           JsonReader(bucket.json()[1], bucket.place()).count()});
    }
    try {
        Histogram restored = Histogram::restore(buckets, latency.field("min_ns").duration(),
                                                latency.field("max_ns").duration(), sum.text());
        list.require(restored.count() == count, "do not add up to count");
        return restored;
    } catch (const std::invalid_argument& error) {
        histogram.fail(error.what());
    }
}

StoredLatency read_latency(const JsonReader& latency) {
    return {latency.field("loop").text(), read_histogram(latency)};
}

std::vector<StoredStage> read_stages(const JsonReader& list) {
    std::vector<StoredStage> stages;
    for (const JsonReader& row : list.list()) {
        const auto number = [&row](const char* key) { return number_in(row, key).value_or(0); };
        stages.push_back({number("rate"), number("rate_at_end"), number("from_s"),
                          number("length_s"), row.field("due").count(), row.field("shed").count(),
                          row.field("verified").count(), number_in(row, "messages_per_s"),
                          read_latency(row.field("response"))});
    }
    return stages;
}

std::vector<StoredError> read_errors(const JsonReader& list) {
    const std::vector<JsonReader> rows = list.list();
    std::vector<StoredError> errors;
    errors.reserve(rows.size());
    for (const JsonReader& row : rows) {
        errors.push_back(
            {row.field("phase").text(), row.field("error").text(), row.field("count").count()});
    }
    return errors;
}

StoredOutages read_outage_counts(const JsonReader& section) {
    StoredOutages outages;
    read_counts(section, kOutageCounts, static_cast<OutageCounts&>(outages));
    outages.longest_s = number_in(section, "longest_s");
    return outages;
}

bool read_boolean(const JsonReader& value) {
    return value.boolean();
}

std::vector<StoredCohort> read_cohorts(const JsonReader& section) {
    std::vector<StoredCohort> cohorts;
    for (const auto& [mode, row] : section.members()) {
        StoredCohort cohort{mode,
                            {},
                            number_in(row, "median_open_s"),
                            optional_field(row, "expected", read_text),
                            optional_field(row, "met", read_boolean)};
        read_counts(row, kAbuseCounts, cohort.counts);
        cohorts.push_back(std::move(cohort));
    }
    return cohorts;
}

StoredMismatches read_mismatches(const JsonReader& section) {
    StoredMismatches wrong;
    const auto count = [&section](const std::string& key) {
        const auto found = section.find(key.c_str());
        return found && !found->is_null() ? found->count() : 0;
    };
    wrong.total = count("total");
    for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
        wrong.by_kind[kind] = count(std::string(echod::kEnumNames<MismatchKind>[kind]));
    }
    return wrong;
}

StoredVerdict read_verdict(const JsonReader& section) {
    StoredVerdict verdict;
    verdict.outcome = section.field("outcome").text();
    const JsonReader code = section.field("exit_code");
    code.require(code.count() <= 255, "must be an exit code, 0 to 255");
    verdict.exit_code = static_cast<int>(code.count());
    for (const JsonReader& reason : section.field("reasons").list()) {
        verdict.reasons.push_back(reason.text());
    }
    return verdict;
}

// Of a gate.
std::optional<double> read_figure(const JsonReader& value) {
    constexpr double kMost = 9e18; // what a duration can be
    const auto number = value.number();
    value.require(!number || (*number >= 0 && *number <= kMost), "is out of range");
    return number;
}

// A name of a value of the enum; `other` where there is none, as in results of earlier versions.
template <class Enum>
Enum read_name(const JsonReader& row, const char* key, Enum other) {
    const auto found = row.find(key);
    if (!found) {
        return other;
    }
    const auto value = echod::enum_value<Enum>(found->text());
    found->require(value.has_value(), "must be " + echod::enum_choices<Enum>());
    return *value;
}

std::vector<GateResult> read_gates(const JsonReader& list) {
    std::vector<GateResult> gates;
    for (const JsonReader& row : list.list()) {
        GateResult gate;
        gate.condition.figure.name = row.field("gate").text();
        gate.condition.figure.unit = read_name(row, "unit", Unit::nanoseconds);
        gate.condition.comparison = read_name(row, "comparison", Comparison::at_most);
        gate.condition.value = read_figure(row.field("allowed")).value_or(0);
        gate.measured = read_figure(row.field("measured"));
        const JsonReader passed = row.field("passed");
        gate.passed = !passed.is_null() && passed.boolean();
        gate.values_needed = passed.is_null() ? 1 : 0; // of an undecided one: not stored, but some
        gates.push_back(std::move(gate));
    }
    return gates;
}

std::vector<double> read_percentiles(const JsonReader& file) {
    std::vector<double> percentiles;
    if (const auto list = file.find("percentiles")) {
        for (const JsonReader& each : list->list()) {
            const double percent = each.number().value_or(0);
            each.require(percent > 0 && percent < 100, "must be above 0 and below 100");
            percentiles.push_back(percent);
        }
    }
    return percentiles;
}

} // namespace

Json read_json_file(const std::string& path) {
    try {
        return Json::parse(read_file(path));
    } catch (const Json::exception& error) { // also of a number that no double can hold
        // "[json.exception.parse_error.101] parse error at line 1, column 1: ..."
        const std::string what = error.what();
        throw BadResult(fmt::format("{}: is no JSON: {}", path,
                                    what.substr(std::min(what.size(), what.find("] ") + 2))));
    }
}

void check_header(const JsonReader& file) {
    file.require(file.json().is_object(), "must be an object, the result of echoload");
    const JsonReader program = file.field("program");
    program.require(program.json() == "echoload", "must be \"echoload\"");
    const JsonReader schema = file.field("schema");
    schema.require(schema.json() == kJsonSchema, fmt::format("must be {}", kJsonSchema));
}

StoredResult read_result(const std::string& path) {
    const Json json = read_json_file(path);
    return read_result(JsonReader(json, path + ":"));
}

StoredResult read_result(const JsonReader& file) {
    check_header(file);
    file.require(!file.find("runs"), "is a series of echoload repeat, which only compare reads");
    StoredResult result;
    result.version = json_in(file, "version");
    result.seed = json_in(file, "seed");
    check_requested(file.field("asked"));
    result.requested = json_in(file, "asked");
    result.percentiles = read_percentiles(file);
    result.started = optional_field(file, "started", read_text);
    result.ended = optional_field(file, "ended", read_text);
    result.clock = checked_in(file, "clock", check_clock);
    result.start = checked_in(file, "start", check_start);
    result.part = checked_in(file, "part", check_part);
    result.ramp_up_s = number_in(file, "ramp_up_s");
    result.window_s = number_in(file, "window_s");
    result.elapsed_s = number_in(file, "elapsed_s");
    result.connections = required_field(file, "connections", read_connections);
    result.messages = required_field(file, "messages", read_messages);
    result.bytes = required_field(file, "bytes", read_bytes);
    result.rate = required_field(file, "rate", read_rate);
    result.pace = optional_field(file, "open_loop", read_pace);
    if (result.pace && result.messages) {
        read_counts(file.field("open_loop"), kOpenLoopCounts, *result.messages);
    }
    for (std::size_t i = 0; i < std::size(kLatencyKeys); ++i) {
        result.latencies[i] = optional_field(file, kLatencyKeys[i], read_latency);
    }
    result.stages = optional_field(file, "stages", read_stages);
    result.errors = required_field(file, "errors", read_errors);
    result.targets = checked_in(file, "targets", check_targets);
    result.addresses = checked_in(file, "addresses", check_addresses);
    result.fairness = checked_in(file, "fairness", check_fairness);
    result.steadiness = checked_in(file, "steadiness", check_steadiness);
    result.outages = checked_in(file, "outages", check_outages);
    result.outage_counts = optional_field(file, "outage_counts", read_outage_counts);
    result.abuse = optional_field(file, "abuse", read_cohorts);
    result.wrong = optional_field(file, "wrong_by_kind", read_mismatches);
    result.mismatches = optional_field(file, "mismatches", read_mismatch_list);
    result.client = checked_in(file, "client", check_process);
    result.loops = checked_in(file, "loops", check_loops);
    result.server = checked_in(file, "server", check_process);
    result.bottleneck = checked_in(file, "limit", check_bottleneck);
    result.gates = optional_field(file, "gates", read_gates);
    result.aborted = checked_in(file, "aborted", check_aborted);
    result.verdict = read_verdict(file.field("verdict"));
    result.merged = checked_in(file, "merged", check_merged);
    result.parts = checked_in(file, "parts", check_parts);
    return result;
}

} // namespace echoload
