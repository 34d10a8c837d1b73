// SPDX-License-Identifier: MIT
#include "client/load/plan.hpp"

#include "client/pace/schedule.hpp"

#include <algorithm>

namespace echoload {

namespace {

std::uint64_t part_of(std::uint64_t total, LoopShare share) {
    return total / share.loops + (share.index < total % share.loops ? 1 : 0);
}

} // namespace

std::vector<WorkerPlan> divide(const Options& options, std::optional<Duration> interval) {
    std::vector<WorkerPlan> plans;
    std::uint64_t first_connection = options.replay ? options.replay->connection : 0;
    for (LoopShare share{0, options.threads}; share.index < share.loops; ++share.index) {
        WorkerPlan plan;
        plan.first_connection = first_connection;
        plan.connections = static_cast<std::uint32_t>(part_of(options.connections, share));
        first_connection += plan.connections;
        if (options.connect_rate) {
            plan.connect_rate = *options.connect_rate * plan.connections / options.connections;
        }
        plan.connect_places = static_cast<std::uint32_t>(
            std::max<std::uint64_t>(part_of(ConnectSchedule::kPlaces, share), 1));
        if (!options.cpus.empty()) {
            plan.cpu = options.cpus[share.index];
        }
        plan.pipeline = options.pipeline;
        if (options.messages) {
            plan.messages = part_of(*options.messages, share);
        }
        plan.verify = options.verify;
        plan.continue_on_mismatch = options.on_mismatch == OnMismatch::count;
        plan.split = options.split;
        plan.coalesce = options.coalesce;
        if (options.pace) { // nothing is due before all connections are up
            plan.arrivals.emplace(*options.pace, options.arrival, options.duration, plan.messages,
                                  share, options.seed);
            for (const Stage& stage : options.pace->stages) {
                plan.stage_ends.push_back(
                    (plan.stage_ends.empty() ? Duration{} : plan.stage_ends.back()) + stage.length);
            }
        } else {
            plan.hold = options.messages && options.warmup == Duration::zero();
        }
        plan.max_in_flight = part_of(options.max_in_flight, share);
        plan.conn_messages = options.conn_messages.value_or(WorkerPlan::kNoEnd);
        plan.next_connection = options.connections + share.index;
        plan.connection_stride = share.loops;
        plan.reconnect = options.reconnect;
        plan.seed = options.seed;
        plan.loop = share.index;
        plan.source = options.source;
        plan.close = options.close;
        plan.think = options.think;
        plan.busy_poll = options.busy_poll;
        plan.warmup = options.warmup;
        plan.timeout = options.timeout;
        plan.drain = options.drain;
        plan.interval = interval;
        plans.push_back(plan);
    }
    return plans;
}

} // namespace echoload
