// SPDX-License-Identifier: MIT
// A command line that starts no run.
#pragma once

#include <string>

namespace echoload {

/// What to print, and the exit status, if a command line starts no run: help, version, wrong usage.
struct NoRun {
    int exit_code = 0;
    std::string out; ///< for standard output
    std::string err; ///< for standard error
};

} // namespace echoload
