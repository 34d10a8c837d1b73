// SPDX-License-Identifier: MIT
#include "client/load/plan.hpp"

#include "client/pace/schedule.hpp"

#include <algorithm>

namespace echoload {

namespace {

// What the options of a part say of the whole run, from which each loop has its share.
struct WholeRun {
    explicit WholeRun(const Options& options)
        : connections(options.part ? options.part->connections : options.connections),
          messages(options.part ? options.part->messages : options.messages),
          pace(options.part ? options.part->pace : options.pace),
          max_in_flight(options.part ? options.part->max_in_flight : options.max_in_flight),
          part(options.part ? options.part->share() : LoopShare{}) {}

    // Loops of all parts take turns, however many the other parts have.
    [[nodiscard]] LoopShare share(LoopShare loop) const noexcept {
        return {part.index + part.loops * loop.index, part.loops * loop.loops};
    }

    std::uint32_t connections;
    std::optional<std::uint64_t> messages;
    std::optional<Pace> pace;
    std::uint64_t max_in_flight;
    LoopShare part;
};

std::uint64_t first_connection_of(const Options& options) {
    if (options.replay) {
        return options.replay->connection;
    }
    return options.part ? options.part->first_connection : 0;
}

// The loop's share of what is divided.
void divide_quantities(const Options& options, LoopShare loop, WorkerPlan& plan) {
    const WholeRun whole(options);
    const LoopShare share = whole.share(loop);
    plan.connections = static_cast<std::uint32_t>(share_of(options.connections, loop));
    if (options.connect_rate) {
        plan.connect_rate = *options.connect_rate * plan.connections / options.connections;
    }
    plan.connect_places = static_cast<std::uint32_t>(
        std::max<std::uint64_t>(share_of(ConnectSchedule::kPlaces, share), 1));
    if (whole.messages) {
        plan.messages = share_of(*whole.messages, share);
    }
    if (whole.pace) { // nothing is due before all connections are up
        plan.arrivals.emplace(*whole.pace, options.arrival, options.duration, plan.messages, share,
                              options.seed);
        for (const Stage& stage : whole.pace->stages) {
            plan.stage_ends.push_back(
                (plan.stage_ends.empty() ? Duration{} : plan.stage_ends.back()) + stage.length);
        }
    } else {
        plan.hold = (options.messages && options.warmup == Duration::zero()) ||
                    options.start_at.has_value();
    }
    plan.max_in_flight = share_of(whole.max_in_flight, share);
    plan.next_connection = whole.connections + std::uint64_t{share.index};
    plan.connection_stride = share.loops;
    plan.loop = share.index;
}

} // namespace

std::vector<WorkerPlan> divide(const Options& options, std::optional<Duration> interval) {
    std::vector<WorkerPlan> plans;
    std::uint64_t first_connection = first_connection_of(options);
    for (LoopShare loop{0, options.threads}; loop.index < loop.loops; ++loop.index) {
        WorkerPlan plan;
        divide_quantities(options, loop, plan);
        plan.first_connection = first_connection;
        first_connection += plan.connections;
        if (!options.cpus.empty()) {
            plan.cpu = options.cpus[loop.index];
        }
        plan.pipeline = options.pipeline;
        plan.verify = options.verify;
        plan.continue_on_mismatch = options.on_mismatch == OnMismatch::count;
        plan.split = options.split;
        plan.coalesce = options.coalesce;
        plan.conn_messages = options.conn_messages.value_or(WorkerPlan::kNoEnd);
        plan.reconnect = options.reconnect;
        plan.seed = options.seed;
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
