// SPDX-License-Identifier: MIT
// The options of the commands compare, merge and show.
#pragma once

#include "client/measure/condition.hpp"
#include "client/options/options.hpp"

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

struct ShowOptions {
    std::vector<std::string> files;
    Format format = Format::text;
    std::string output; ///< files; empty is standard output, or none
    std::string hdr;
    std::string report;
};

} // namespace echoload
