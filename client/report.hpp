// SPDX-License-Identifier: MIT
// The result, as a person and as a program reads it.
#pragma once

#include "client/options.hpp"
#include "client/runner.hpp"
#include "client/timeline.hpp"
#include "client/verdict.hpp"

#include <string>

namespace echoload {

/// Number of the JSON's form: a field's meaning changes, or a field goes, only with it.
inline constexpr int kJsonSchema = 1;

/// The percentiles that are told, and their names in the JSON.
struct NamedPercentile {
    double percent;
    const char* name; ///< "p99"
    const char* key;  ///< "p99_ns"
};
inline constexpr NamedPercentile kPercentiles[] = {
    {50, "p50", "p50_ns"},       {90, "p90", "p90_ns"},          {99, "p99", "p99_ns"},
    {99.9, "p99.9", "p99_9_ns"}, {99.99, "p99.99", "p99_99_ns"},
};

/// The whole result as text.
[[nodiscard]] std::string text_report(const Options& options, const RunResult& result,
                                      const Verdict& verdict);

/// What is wrong, alone: wrong echoes, errors and the verdict's reasons. Empty where all is well.
[[nodiscard]] std::string text_troubles(const Options& options, const RunResult& result,
                                        const Verdict& verdict);

/// The whole result as one JSON object; `result` is null where the run never began. What there is
/// no figure for is null.
[[nodiscard]] std::string json_report(const Options& options, const RunResult* result,
                                      const Verdict& verdict);

/// The result of a run that goes on, up to its last complete interval.
[[nodiscard]] std::string text_snapshot(const Options& options, const RunResult& so_far);

/// The first line of a series of intervals: what was asked, one JSON object.
[[nodiscard]] std::string series_head(const Options& options, Duration interval);

/// A line of the series: one interval's own figures, one JSON object.
[[nodiscard]] std::string series_line(const LiveInterval& interval);

/// One page of HTML that refers to nothing outside itself: what json_report() gave, and charts.
[[nodiscard]] std::string html_report(std::string_view json, const Timeline& timeline);

/// A latency in HdrHistogram's text form (.hgrm), in milliseconds.
[[nodiscard]] std::string hdr_text(const Histogram& histogram);

/// One line on a run in progress.
[[nodiscard]] std::string live_line(const LiveInterval& interval);

/// "1,234,567".
[[nodiscard]] std::string group_digits(std::uint64_t number);

/// Three significant figures: "4.10 MB".
[[nodiscard]] std::string byte_size(std::uint64_t bytes);

/// Three significant figures: "1.23 GB/s".
[[nodiscard]] std::string byte_rate(double bytes_per_second);

} // namespace echoload
