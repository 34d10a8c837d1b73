// SPDX-License-Identifier: MIT
// The options of the commands search and sweep.
#pragma once

#include "client/capacity/rate_search.hpp"
#include "client/options/options.hpp"

#include <cstdint>
#include <vector>

namespace echoload {

/// A search for the highest rate at which `load.gates` hold.
struct SearchOptions {
    Options load; ///< of each run, without its rate; `load.seed` is that of the search
    SearchRange range{1'000, 1'000'000, 0.03, 3};
};

/// Runs at several rates or with several numbers of connections.
struct SweepOptions {
    Options load;                    ///< of each run; `load.seed` is that of the sweep
    std::vector<double> rates;       ///< messages a second; exactly one of this
    std::vector<double> connections; ///< and this is not empty
    std::uint32_t runs = 1;          ///< at each point
};

} // namespace echoload
