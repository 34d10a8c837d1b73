// SPDX-License-Identifier: MIT
// The latency of one connection.
#pragma once

#include "base/clock.hpp"

#include <cstdint>

namespace echoload {

using echod::Duration;

/// The values of the latency that limits mean (of an open loop, the response time) that one
/// connection had in the measured part.
struct ConnectionUse {
    std::uint64_t connection = 0; ///< its number in the run
    std::uint16_t port = 0;       ///< local; 0 of a unix socket
    std::uint64_t values = 0;
    Duration sum{};

    /// Zero where there is no value.
    [[nodiscard]] Duration mean() const noexcept {
        return values == 0 ? Duration::zero() : sum / static_cast<std::int64_t>(values);
    }
};

} // namespace echoload
