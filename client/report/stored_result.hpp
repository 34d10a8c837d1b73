// SPDX-License-Identifier: MIT
// A result with exactly what its JSON holds: made of a run, or read from a file, or merged of
// several. Text, page and histogram are made of it. Figures are typed; sections that are only shown
// stay JSON, with members whose types are those of carried.hpp.
#pragma once

#include "client/measure/gates.hpp"
#include "client/message/mismatch.hpp"
#include "client/report/figures.hpp"
#include "client/report/json_value.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// Number of the JSON's form: a field's meaning changes, or a field goes, only with it.
inline constexpr int kJsonSchema = 1;

/// The rates over the measured part; nothing where no part of the run was measured.
struct StoredRate {
    std::optional<double> messages_per_s;
    std::optional<double> bytes_per_s;
};

/// The pace of an open loop.
struct StoredPace {
    std::optional<double> requested_per_s;
    std::optional<double> achieved_per_s;
};

/// A latency and how it was measured: "open", "closed" or "mixed".
struct StoredLatency {
    std::string loop;
    Histogram histogram;
};

/// The latencies by their keys, in the order of the JSON.
inline constexpr const char* kLatencyKeys[] = {"response", "latency", "lag", "connect_latency",
                                               "interruption"};

/// A stage of an open loop, and what became of the messages that were due in it.
struct StoredStage {
    double rate = 0; ///< messages a second at its beginning
    double rate_at_end = 0;
    double from_s = 0; ///< since the measured part began
    double length_s = 0;
    std::uint64_t due = 0;
    std::uint64_t shed = 0;
    std::uint64_t verified = 0;
    std::optional<double> messages_per_s; ///< verified; nothing where the run ended before it
    StoredLatency response;
};

struct StoredError {
    std::string phase;
    std::string error; ///< "ECONNRESET", or kEndOfFileName
    std::uint64_t count = 0;
};

struct StoredOutages : OutageCounts {
    std::optional<double> longest_s;
};

struct StoredCohort {
    std::string mode;
    AbuseCounts counts; ///< without the median
    std::optional<double> median_open_s;
    std::optional<std::string> expected;
    std::optional<bool> met;
};

/// Wrong echoes of every kind, then of each, in the order of MismatchKind.
struct StoredMismatches {
    std::uint64_t total = 0;
    std::array<std::uint64_t, kMismatchKinds> by_kind{};
};

struct StoredVerdict {
    std::string outcome;
    int exit_code = 0;
    std::vector<std::string> reasons;
};

/// What a run never got to is nothing, or null.
struct StoredResult {
    Json version; ///< of the echoload that ran; null where those of a merged result differ
    Json seed;
    Json requested = Json::object();    ///< the options, by name
    std::vector<double> percentiles;    ///< of --percentiles, beside the usual ones
    std::optional<std::string> started; ///< UTC, as utc_text(); so is `ended`
    std::optional<std::string> ended;
    Json clock; ///< of the machine, at the end
    Json start; ///< with --start-at
    Json part;  ///< with --part
    std::optional<double> ramp_up_s;
    std::optional<double> window_s;
    std::optional<double> elapsed_s;
    std::optional<ConnectionFigures> connections;
    std::optional<MessageCounts> messages; ///< those of kOpenLoopCounts are written only of a pace
    std::optional<ByteCounts> bytes;
    std::optional<StoredRate> rate;
    std::optional<StoredPace> pace; ///< of an open loop
    std::array<std::optional<StoredLatency>, std::size(kLatencyKeys)> latencies;
    std::optional<std::vector<StoredStage>> stages; ///< of a pace with stages
    std::optional<std::vector<StoredError>> errors;
    Json targets; ///< lists
    Json addresses;
    Json fairness;
    Json steadiness;
    Json outages;                               ///< with --reconnect a list
    std::optional<StoredOutages> outage_counts; ///< with --reconnect
    std::optional<std::vector<StoredCohort>> abuse;
    std::optional<StoredMismatches> wrong;
    std::optional<std::vector<Mismatch>> mismatches; ///< the first ones, described
    Json client;
    Json loops;
    Json server;
    Json bottleneck;
    std::optional<std::vector<GateResult>> gates; ///< how many values were needed is not stored
    Json aborted;                                 ///< how --abort-on ended the run, or null
    StoredVerdict verdict;
    Json merged; ///< of a merged result: a list of what it was made of,
    Json parts;  ///< and of --part which of them there were

    /// The latency of that key, or null.
    [[nodiscard]] const StoredLatency* find_latency(std::string_view key) const noexcept;
};

/// The targets among the options.
[[nodiscard]] std::vector<std::string> targets_of(const Json& requested);

/// "schema" to "verdict", or to "parts": one JSON object.
[[nodiscard]] Json result_json(const StoredResult& result);

/// A stage as JSON, without its response time.
[[nodiscard]] Json stage_json(const StoredStage& stage);

/// The verdict as one JSON object.
[[nodiscard]] Json verdict_json(const StoredVerdict& verdict);

} // namespace echoload
