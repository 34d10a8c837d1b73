// SPDX-License-Identifier: MIT
// The result's JSON for the files that write it and read it back; others see report.hpp alone.
#pragma once

#include "client/histogram.hpp"
#include "client/options.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace echoload {

/// Keeps the order in which fields are written, which is that of the text.
using Json = nlohmann::ordered_json;

/// Names how buckets are cut: 1,024 of equal width in each power of two.
inline constexpr const char* kHistogramScheme = "log-linear-1024";

/// What was asked for.
[[nodiscard]] Json asked_json(const Options& options);

/// "2026-11-22T21:34:48Z".
[[nodiscard]] std::string utc_text(std::chrono::system_clock::time_point when);

/// A latency's count, minimum, mean, percentiles and maximum.
[[nodiscard]] Json latency_figures(const Histogram& histogram);

/// A latency with its figures and its whole histogram.
[[nodiscard]] Json latency_json(std::string_view what, const Histogram& histogram);

/// Whether it is what latency_json() makes.
[[nodiscard]] bool is_latency(const Json& json);

/// The histogram in a latency's JSON. Throws BadResult, led by `place`.
[[nodiscard]] Histogram read_latency(const Json& latency, const std::string& place);

/// Reads a file that --format json or merge wrote. Throws BadResult that names the file, and the
/// place in it, where it cannot be read or is no result.
[[nodiscard]] Json read_result(const std::string& path);

/// JSON text, two spaces a level, lists of numbers on one line.
[[nodiscard]] std::string write_json(const Json& json);

} // namespace echoload
