// SPDX-License-Identifier: MIT
// Checks that memory and file descriptors are enough for the connections of a run.
#pragma once

#include "base/control_group.hpp"
#include "client/result/not_possible.hpp"

#include <cstdint>
#include <vector>

namespace echoload {

using echod::ControlGroupPlaces;

/// What a run needs resources for.
struct Demand {
    std::uint64_t connections = 0; ///< of the load
    std::uint64_t misbehaving = 0; ///< connections of --abuse
    std::uint64_t pipeline = 1;    ///< messages in flight on a connection of the load
    std::uint64_t threads = 1;     ///< of the load

    [[nodiscard]] std::uint64_t all_connections() const noexcept {
        return connections + misbehaving;
    }
};

/// Throws NotPossible where the available memory is not enough: that of the machine, or what the
/// limit of a control group of this process leaves.
void check_memory(const Demand& demand, const ControlGroupPlaces& places = {});

/// Throws NotPossible where this process may not run on one of the processors.
void check_cpus(const std::vector<std::uint32_t>& cpus);

/// The error of a thread that could not be started, with the limit and what to change. `started`
/// threads of `wanted` run.
[[nodiscard]] NotPossible cannot_start_thread(int error, std::uint64_t started,
                                              std::uint64_t wanted);

/// Raises the soft RLIMIT_NOFILE to the hard one if the connections and loops need that. Throws
/// NotPossible where the hard one is not enough, and std::system_error.
void reserve_descriptors(const Demand& demand);

} // namespace echoload
