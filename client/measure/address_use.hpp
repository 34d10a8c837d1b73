// SPDX-License-Identifier: MIT
// What became of the connections to each address of the targets.
#pragma once

#include "client/measure/tally.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace echoload {

/// The counters of one address of a target.
struct AddressUse {
    std::string target;          ///< as it was given
    std::string address;         ///< with its port
    std::uint64_t up = 0;        ///< connections established
    std::uint64_t overtaken = 0; ///< attempts without an answer until another address was faster
    std::uint64_t echoed = 0;    ///< messages echoed whole
    ErrorTable errors;           ///< of attempts that failed
    Tally tally{};               ///< what its connections counted
};

/// Adds the counters of a loop to those of others with the same targets; `sum` may be empty.
void add_uses(std::vector<AddressUse>& sum, const std::vector<AddressUse>& part);

/// What the connections to one target counted.
struct TargetUse {
    std::string target; ///< as it was given
    Tally tally;        ///< the sum of those of its addresses
};

/// The sums of each target's addresses, in the order of the targets.
[[nodiscard]] std::vector<TargetUse> sum_by_target(const std::vector<AddressUse>& addresses);

} // namespace echoload
