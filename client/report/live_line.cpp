// SPDX-License-Identifier: MIT
#include "client/report/live_line.hpp"

#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

std::string live_line(const LiveInterval& interval) {
    const double length = std::max(echod::to_seconds(interval.length), 1e-9);
    const Tally& tally = interval.tally;
    std::string text;
    const Out out(text);
    fmt::format_to(out, "{:>8.1f}s  {} up  {} messages/s  {}", echod::to_seconds(interval.at),
                   group_digits(interval.open),
                   whole_rate(static_cast<double>(tally.messages.verified) / length),
                   byte_rate(static_cast<double>(tally.bytes.received) / length));
    if (const Histogram& latency = loop_latency(tally, interval.open_loop); latency.count() != 0) {
        fmt::format_to(out, "  p50 {}  p99 {}  max {}", duration_or_dash(latency.percentile(50)),
                       duration_or_dash(latency.percentile(99)), duration_or_dash(latency.max()));
    }
    if (const std::uint64_t errors = tally.errors.total(); errors != 0) {
        fmt::format_to(out, "  errors {}", group_digits(errors));
    }
    if (interval.outages_begun != 0) {
        fmt::format_to(out, "  outages {}", group_digits(interval.outages_begun));
    }
    if (const auto since = interval.out_since()) {
        fmt::format_to(out, "  out for {}", duration_or_dash(since));
    }
    text += '\n';
    return text;
}

} // namespace echoload
