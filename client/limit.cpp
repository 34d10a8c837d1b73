// SPDX-License-Identifier: MIT
#include "client/limit.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

std::string_view to_string(Limit::By by) noexcept {
    switch (by) {
    case Limit::By::client:
        return "client";
    case Limit::By::server:
        return "server";
    case Limit::By::none:
        return "none";
    case Limit::By::unknown:
        break;
    }
    return "unknown";
}

namespace {

// A lag that is shorter matters to nobody.
constexpr Duration kLate = std::chrono::milliseconds(1);

// The busiest thread's share of a processor. In an open loop the loops' own work: the rest of what
// they took they polled, and gave up the moment that there was something to do.
double busiest_share(const RunResult& result) {
    if (!result.rate || result.loops.empty()) {
        return result.client->busiest_thread;
    }
    double busiest = 0;
    for (const LoopUse& loop : result.loops) {
        busiest = std::max(busiest, loop.work_share());
    }
    return busiest;
}

bool came_late(const RunResult& result) {
    const auto lag = result.tally.lag.percentile(99);
    const auto response = result.tally.response.percentile(99);
    return lag && response && *lag >= kLate && 2 * *lag >= *response;
}

} // namespace

Limit find_limit(const RunResult& result) {
    const auto percent = [](double share) {
        return fmt::format("{:.0f} % of a processor", share * 100);
    };
    if (!result.client) {
        return {Limit::By::unknown, "the run has no measured part"};
    }
    const std::string client = percent(busiest_share(result));
    if (busiest_share(result) >= kBusy) {
        return {Limit::By::client,
                fmt::format("its busiest thread took {}: the figures say little of the server",
                            client)};
    }
    if (came_late(result)) {
        return {Limit::By::client,
                fmt::format("it came late to what was due (p99 {}), which is most of the response "
                            "time: another process may have had its processor",
                            echod::humanize_duration(*result.tally.lag.percentile(99)))};
    }
    if (!result.server) {
        return {Limit::By::unknown,
                fmt::format("not the client, whose busiest thread took {}; the server was not seen "
                            "(--server-pid, --server-unit)",
                            client)};
    }
    const std::string server = percent(result.server->busiest_thread);
    if (result.server->busiest_thread >= kBusy) {
        return {Limit::By::server, fmt::format("its busiest thread took {}", server)};
    }
    return {
        Limit::By::none,
        fmt::format("the busiest thread of the client took {}, of the server {}", client, server)};
}

} // namespace echoload
