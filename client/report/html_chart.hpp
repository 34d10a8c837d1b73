// SPDX-License-Identifier: MIT
// The charts of the page: latency by percentile, and the course of the run.
#pragma once

#include "client/measure/tally.hpp"
#include "client/report/chart.hpp"
#include "client/result/timeline.hpp"

#include <string>
#include <vector>

namespace echoload {

/// A latency and its title in the page.
struct TitledLatency {
    std::string title;
    const Histogram* histogram; ///< not empty
};

/// A figure with its chart in both shapes, and a legend of several lines.
void write_chart(std::string& html, const Chart& chart);

/// A curve for each latency; nothing where there is none.
void write_curves(std::string& html, const std::vector<TitledLatency>& latencies);

/// Rate and latency over time, with a table of the figures; nothing where there is no point.
/// `outages` are bands in the charts, in seconds since the start.
void write_timeline(std::string& html, const Timeline& timeline, const std::vector<Band>& outages);

} // namespace echoload
