// SPDX-License-Identifier: MIT
// How equally the connections of a run were served.
#pragma once

#include "client/measure/connection_use.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// The mean latencies of the connections that had one, compared.
struct Fairness {
    static constexpr std::size_t kWorst = 5;

    std::uint64_t connections = 0;    ///< that had a value
    std::uint64_t without_values = 0; ///< that were up, and had none
    Duration slowest_decile{};        ///< mean of the slowest tenth of the connections
    Duration fastest_decile{};        ///< the same of the fastest
    std::vector<ConnectionUse> worst; ///< the slowest ones, at most kWorst, the slowest first
};

/// Compares connections. A tenth of them is at least one. Nothing where there is nothing to
/// compare: fewer than two were up, or none had a value.
[[nodiscard]] std::optional<Fairness> find_fairness(std::vector<ConnectionUse> connections);

} // namespace echoload
