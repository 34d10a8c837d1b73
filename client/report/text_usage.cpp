// SPDX-License-Identifier: MIT
#include "client/report/text_usage.hpp"

#include "base/units.hpp"
#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"
#include "client/result/bottleneck.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

void write_process(Out out, const char* label, const ProcessUse& use) {
    fmt::format_to(out, kLabel, label);
    if (use.too_short) {
        fmt::format_to(out, "measured too short a time for a share of a processor");
    } else {
        fmt::format_to(out, "{:.0f} % of a processor, busiest thread {:.0f} %", use.cpu * 100,
                       use.busiest_thread * 100);
    }
    if (use.longest_wait && !use.too_short) {
        fmt::format_to(out, ", waiting for one {:.0f} %", *use.longest_wait * 100);
    }
    if (use.throttling && use.throttling->throttled != 0) {
        fmt::format_to(out, ", throttled in {} of {} periods", use.throttling->throttled,
                       use.throttling->periods);
    }
    fmt::format_to(out, "; {} resident", use.resident ? byte_size(*use.resident) : "-");
    if (use.descriptors) {
        fmt::format_to(out, ", {} descriptors", group_digits(*use.descriptors));
    }
    *out++ = '\n';
}

// The figures of the busiest loop: it is the first to reach its limit.
void write_loops(Out out, const std::vector<LoopUse>& loops) {
    if (loops.empty()) {
        return;
    }
    const LoopUse& busiest =
        *std::max_element(loops.begin(), loops.end(), [](const LoopUse& a, const LoopUse& b) {
            return a.work_share() < b.work_share();
        });
    Duration longest{};
    for (const LoopUse& loop : loops) {
        longest = std::max(longest, loop.longest_turn);
    }
    const double wall = std::max(echod::to_seconds(busiest.wall), 1e-9);
    fmt::format_to(out, kLabel, "loops");
    fmt::format_to(out, "{}; the busiest {:.0f} % of a processor (user {:.0f}, system {:.0f}",
                   loops.size(), busiest.share() * 100,
                   echod::to_seconds(busiest.user) / wall * 100,
                   echod::to_seconds(busiest.system) / wall * 100);
    if (busiest.polled != Duration::zero()) {
        fmt::format_to(out, ", working {:.0f}", busiest.work_share() * 100);
    }
    fmt::format_to(out, "), turn mean {}, longest {}\n", duration_or_dash(busiest.mean_turn()),
                   echod::humanize_duration(longest));
}

} // namespace

std::string usage_text(const RunResult& result) {
    std::string text;
    if (!result.client) {
        return text;
    }
    const Out out(text);
    write_process(out, "client", *result.client);
    write_loops(out, result.loops);
    if (result.server) {
        write_process(out, "server", *result.server);
    }
    const Bottleneck bottleneck = find_bottleneck(result);
    fmt::format_to(out, "bottleneck  {}: {}\n", echod::enum_name(bottleneck.where),
                   bottleneck.reason);
    return text;
}

} // namespace echoload
