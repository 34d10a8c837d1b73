// SPDX-License-Identifier: MIT
// A connection that failed or was rejected, as the log reports it.
#pragma once

#include "net/address.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace echod {

/// A connection that ended by a fault or was rejected.
struct Fault {
    Endpoint peer;              ///< port 0 if the kernel no longer knows it
    std::string_view counter;   ///< the counter that counts it: "closed", "rejected" ...
    std::string_view reason;    ///< for "closed" the name of the CloseReason, otherwise empty
    std::uint64_t messages = 0; ///< received
    std::uint64_t bytes = 0;    ///< received
};

/// Called for each fault; empty: faults are not reported and cost nothing.
using FaultHook = std::function<void(const Fault&)>;

} // namespace echod
