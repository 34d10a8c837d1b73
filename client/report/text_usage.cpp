// SPDX-License-Identifier: MIT
#include "client/report/text_usage.hpp"

#include "base/units.hpp"
#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"
#include "client/report/text_request.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

double number_at(const Json& json, const char* key) {
    return value_at<double>(json, key).value_or(0);
}

std::optional<Duration> ns_at(const Json& json, const char* key) {
    const auto ns = value_at<std::int64_t>(json, key);
    return ns ? std::optional(Duration(*ns)) : std::nullopt;
}

void write_process(Out out, const char* label, const Json& use) {
    fmt::format_to(out, kLabel, label);
    if (const auto share = value_at<double>(use, "cpu_share")) {
        fmt::format_to(out, "{:.0f} % of a processor, busiest thread {:.0f} %", *share * 100,
                       number_at(use, "busiest_thread_share") * 100);
    } else {
        fmt::format_to(out, "measured too short a time for a share of a processor");
    }
    if (const auto wait = value_at<double>(use, "longest_wait_share")) {
        fmt::format_to(out, ", waiting for one {:.0f} %", *wait * 100);
    }
    if (const auto throttled = value_at<std::uint64_t>(use, "throttled_periods").value_or(0)) {
        fmt::format_to(out, ", throttled in {} of {} periods", throttled,
                       text_or_dash(use, "quota_periods"));
    }
    const auto resident = value_at<std::uint64_t>(use, "resident_bytes");
    fmt::format_to(out, "; {} resident", resident ? byte_size(*resident) : "-");
    if (const auto descriptors = value_at<std::uint64_t>(use, "descriptors")) {
        fmt::format_to(out, ", {} descriptors", group_digits(*descriptors));
    }
    *out++ = '\n';
}

// The figures of the busiest loop: it is the first to reach its limit.
void write_loops(Out out, const Json& loops) {
    if (loops.empty()) {
        return;
    }
    const Json& busiest =
        *std::max_element(loops.begin(), loops.end(), [](const Json& a, const Json& b) {
            return number_at(a, "work_share") < number_at(b, "work_share");
        });
    Duration longest{};
    for (const Json& loop : loops) {
        longest = std::max(longest, ns_at(loop, "longest_turn_ns").value_or(Duration::zero()));
    }
    const double wall = std::max(number_at(busiest, "wall_s"), 1e-9);
    const double share = number_at(busiest, "cpu_share");
    const double work_share = number_at(busiest, "work_share");
    fmt::format_to(out, kLabel, "loops");
    fmt::format_to(out, "{}; the busiest {:.0f} % of a processor (user {:.0f}, system {:.0f}",
                   loops.size(), share * 100, number_at(busiest, "user_s") / wall * 100,
                   number_at(busiest, "system_s") / wall * 100);
    if (work_share < share) { // the rest of it polled
        fmt::format_to(out, ", working {:.0f}", work_share * 100);
    }
    fmt::format_to(out, "), turn mean {}, longest {}\n",
                   duration_or_dash(ns_at(busiest, "mean_turn_ns")),
                   echod::humanize_duration(longest));
}

} // namespace

std::string usage_text(const StoredResult& result) {
    std::string text;
    const Out out(text);
    if (!result.client.is_null()) {
        write_process(out, "client", result.client);
    }
    write_loops(out, result.loops);
    if (!result.server.is_null()) {
        write_process(out, "server", result.server);
    }
    // Without figures that it could be found by, there is only the run that has no measured part.
    if (!text.empty() && !result.bottleneck.is_null()) {
        fmt::format_to(out, "bottleneck  {}: {}\n", text_or_dash(result.bottleneck, "limited_by"),
                       text_or_dash(result.bottleneck, "reason"));
    }
    return text;
}

} // namespace echoload
