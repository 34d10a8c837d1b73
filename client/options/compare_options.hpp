// SPDX-License-Identifier: MIT
// The options of the commands compare and merge.
#pragma once

#include "client/measure/condition.hpp"

#include <string>
#include <vector>

namespace echoload {

struct CompareOptions {
    std::string before;             ///< A
    std::string after;              ///< B
    std::vector<Condition> fail_if; ///< what must not hold
    bool force = false;             ///< compare different loads
};

struct MergeOptions {
    std::vector<std::string> files;
    std::string output; ///< a file; empty is standard output
};

} // namespace echoload
