// SPDX-License-Identifier: MIT
#include "client/result/bottleneck.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

using Where = Bottleneck::Where;

// A shorter lag does not count.
constexpr Duration kLate = std::chrono::milliseconds(1);

// From this share of the time on, a process that waits for a processor, or is stopped, is what the
// figures show; and from this share of the periods on, its quota is.
constexpr double kWaits = 0.2;
constexpr double kStops = 0.1;
constexpr double kThrottled = 0.1;

std::string percent(double share) {
    return fmt::format("{:.0f} %", share * 100);
}

std::string of_a_processor(double share) {
    return percent(share) + " of a processor";
}

// The busiest thread's share of a processor. Of loops that poll (an open loop, --busy-poll) only
// their work: polling ends the moment that there is work.
double busiest_share(const RunResult& result) {
    if (std::none_of(result.loops.begin(), result.loops.end(),
                     [](const LoopUse& loop) { return loop.polled != Duration::zero(); })) {
        return result.client->busiest_thread;
    }
    double busiest = 0;
    for (const LoopUse& loop : result.loops) {
        busiest = std::max(busiest, loop.work_share());
    }
    return busiest;
}

bool lags(const RunResult& result) {
    const auto lag = result.tally.lag.percentile(99);
    const auto response = result.tally.response.percentile(99);
    return lag && response && *lag >= kLate && 2 * *lag >= *response;
}

// Of the loop that waited longest for a processor; nothing where that is not known of each.
std::optional<double> longest_wait(const RunResult& result) {
    std::optional<double> longest = 0;
    for (const LoopUse& loop : result.loops) {
        const auto wait = loop.wait_share();
        longest = longest && wait ? std::optional(std::max(*longest, *wait)) : std::nullopt;
    }
    return result.loops.empty() ? result.client->longest_wait : longest;
}

const LoopUse* loop_with_most_gaps(const RunResult& result) {
    const auto most = std::max_element(
        result.loops.begin(), result.loops.end(),
        [](const LoopUse& a, const LoopUse& b) { return a.gap_share() < b.gap_share(); });
    return most == result.loops.end() ? nullptr : &*most;
}

// Why a process did not run although it had to: its quota, or other processes. Nothing where it
// ran.
std::optional<std::string> held_back(const ProcessUse& use, std::optional<double> wait) {
    if (use.throttling && use.throttling->throttled != 0 &&
        static_cast<double>(use.throttling->throttled) >=
            kThrottled * static_cast<double>(use.throttling->periods)) {
        return fmt::format("its control group was throttled in {} of {} periods (CPU quota)",
                           use.throttling->throttled, use.throttling->periods);
    }
    if (wait && *wait >= kWaits) {
        return fmt::format("it waited for a processor for {} of the time: other processes used it",
                           percent(*wait));
    }
    return std::nullopt;
}

std::optional<Bottleneck> of_client(const RunResult& result) {
    const double busiest = busiest_share(result);
    if (busiest >= kBusy) {
        return Bottleneck{Where::client, fmt::format("its busiest thread used {}: the figures say "
                                                     "little of the server",
                                                     of_a_processor(busiest))};
    }
    if (auto why = held_back(*result.client, longest_wait(result))) {
        return Bottleneck{Where::client, std::move(*why)};
    }
    const LoopUse* const loop = loop_with_most_gaps(result);
    if (loop != nullptr && loop->gap_share() >= kStops) {
        return Bottleneck{Where::client,
                          fmt::format("a loop of it did not run for {} of {} (longest {}): it was "
                                      "stopped, or had no processor",
                                      echod::humanize_duration(loop->gaps),
                                      echod::humanize_duration(loop->wall),
                                      echod::humanize_duration(loop->longest_gap))};
    }
    if (lags(result)) {
        return Bottleneck{
            Where::client,
            fmt::format("it sent messages late (p99 {}), which is most of the response "
                        "time: another process may have used its processor",
                        echod::humanize_duration(*result.tally.lag.percentile(99)))};
    }
    return std::nullopt;
}

Bottleneck of_server(const RunResult& result) {
    const std::string client = of_a_processor(busiest_share(result));
    if (!result.server) {
        return {Where::unknown, fmt::format("not the client, whose busiest thread used {}; the "
                                            "server was not measured (--server-pid, --server-unit)",
                                            client)};
    }
    const std::string server = of_a_processor(result.server->busiest_thread);
    if (result.server->busiest_thread >= kBusy) {
        return {Where::server, fmt::format("its busiest thread used {}", server)};
    }
    if (auto why = held_back(*result.server, result.server->longest_wait)) {
        return {Where::server, std::move(*why)};
    }
    if (!longest_wait(result) || !result.server->longest_wait) {
        return {
            Where::unknown,
            fmt::format("how long {} waited for a processor is not known (schedstat of proc(5))",
                        longest_wait(result) ? "the server" : "the client")};
    }
    return {Where::none, fmt::format("the busiest thread of the client used {}, of the server {}",
                                     client, server)};
}

} // namespace

Bottleneck find_bottleneck(const RunResult& result) {
    if (!result.window) {
        return {Where::unknown, "the run has no measured part"};
    }
    if (*result.window < kShortestShare) {
        return {Where::unknown,
                fmt::format("a measured part of {} is too short to tell, it takes {}",
                            echod::humanize_duration(*result.window),
                            echod::format_duration(kShortestShare))};
    }
    if (!result.client) {
        return {Where::unknown, "what the client used was not measured"};
    }
    const auto client = of_client(result);
    return client ? *client : of_server(result);
}

} // namespace echoload
