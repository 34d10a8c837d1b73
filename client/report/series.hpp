// SPDX-License-Identifier: MIT
// The series of intervals that --timeseries writes: JSON objects, one a line.
#pragma once

#include "client/options/options.hpp"
#include "client/result/live_interval.hpp"

#include <string>

namespace echoload {

/// The first line: what was requested.
[[nodiscard]] std::string series_head(const Options& options, Duration interval);

/// The line of an interval: its own figures.
[[nodiscard]] std::string series_line(const LiveInterval& interval);

} // namespace echoload
