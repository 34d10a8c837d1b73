// SPDX-License-Identifier: MIT
// The command compare: a table of two results and their differences. It knows results as they were
// read from files, and no run.
#pragma once

#include "client/options/compare_options.hpp"

#include <string>

namespace echoload {

/// The output of a command that reads results.
struct CommandOutput {
    std::string text;
    int exit_code = 0;
    std::string notes; ///< lines for standard error
};

/// A table of both results' figures with their differences. The exit code is 3 where a condition
/// holds or has no figure. Throws BadResult.
[[nodiscard]] CommandOutput compare_results(const CompareOptions& options);

} // namespace echoload
