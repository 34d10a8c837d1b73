// SPDX-License-Identifier: MIT
// The options of the command repeat.
#pragma once

#include "client/options/options.hpp"

#include <cstdint>

namespace echoload {

/// A load that runs several times.
struct RepeatOptions {
    Options load;                             ///< of each run; `load.seed` is that of the series
    std::uint32_t runs = 10;                  ///< of each side
    Duration pause = std::chrono::seconds(1); ///< between two runs
    bool ab = false;                          ///< the first target is side A, the second is side B
};

} // namespace echoload
