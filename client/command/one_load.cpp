// SPDX-License-Identifier: MIT
#include "client/command/one_load.hpp"

#include "client/result/not_possible.hpp"
#include "client/run/local_ports.hpp"
#include "client/run/resolve.hpp"
#include "client/run/resources.hpp"
#include "client/run/runner.hpp"
#include "client/run/server_process.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace echoload {

namespace {

// Throws NotPossible where the machine cannot hold the connections that were requested.
void check_machine(const Options& options, std::vector<Target>& targets) {
    const Demand demand{options.connections, options.abuse.total(), options.pipeline,
                        options.threads};
    if (options.source) {
        keep_reachable(*options.source, targets);
    }
    if (options.resolve == Resolve::all) {
        spread_over_addresses(targets);
    }
    check_local_ports(demand.all_connections(), options.source, targets);
    check_cpus(options.cpus);
    reserve_descriptors(demand);
    check_memory(demand);
}

} // namespace

std::vector<Target> resolve_once(const std::vector<std::string>& targets,
                                 Interruptions& interruptions) {
    Resolution resolution = resolve(targets, interruptions.signals());
    if (resolution.signal != 0) {
        throw Interrupted{resolution.signal};
    }
    if (!resolution.failure.empty()) {
        throw NotPossible(resolution.failure);
    }
    return std::move(resolution.targets);
}

// Samples both processes at the begin and the end of the measured part.
RunResult run_load(const Options& options, std::vector<Target> targets, Watch& watch,
                   const RunContext& context) {
    Probe* const probe = context.probe;
    check_machine(options, targets);
    ProcessWatch client(::getpid());
    std::optional<ProcessWatch> server = find_server(options.server_pid, options.server_unit);
    LiveSink live;
    live.interval = [&watch, probe](const LiveInterval& interval) {
        watch.on_interval(interval);
        if (probe != nullptr) {
            probe->on_interval(interval);
        }
    };
    live.snapshot = [&watch](std::optional<Outages> outages) {
        watch.snapshot(std::move(outages));
    };
    live.reopen = [&watch] { watch.reopen(); };
    live.measured_part_begins = [&] {
        client.begin();
        if (server) {
            server->begin();
        }
    };
    live.measured_part_ends = [&] {
        client.end();
        if (server) {
            server->end();
        }
    };
    RunResult result = run(options, targets, watch.interval(), live, context.start);
    result.client = client.use();
    // The loops have measured themselves, to the nanosecond and before they ended.
    for (const LoopUse& loop : result.loops) {
        if (result.client) {
            result.client->busiest_thread = std::max(result.client->busiest_thread, loop.share());
            result.client->cpu = std::max(result.client->cpu, result.client->busiest_thread);
        }
    }
    result.server = server ? server->use() : std::nullopt;
    return result;
}

} // namespace echoload
