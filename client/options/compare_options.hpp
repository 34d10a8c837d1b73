// SPDX-License-Identifier: MIT
// The options of the commands compare, merge and show.
#pragma once

#include "client/measure/condition.hpp"
#include "client/options/options.hpp"

#include <string>
#include <vector>

namespace echoload {

struct CompareOptions {
    std::vector<std::string> before; ///< files of A, or one file with both sides
    std::vector<std::string> after;  ///< files of B; none with a file of both
    std::vector<Condition> fail_if;  ///< what must not hold
    bool force = false;              ///< compare different loads
    bool single_run = false;         ///< judge by one run a side
};

struct MergeOptions {
    std::vector<std::string> files;
    bool force = false; ///< merge results of different times
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
