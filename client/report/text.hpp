// SPDX-License-Identifier: MIT
// The result of a run as text.
#pragma once

#include "client/options/options.hpp"
#include "client/result/run_result.hpp"
#include "client/result/verdict.hpp"

#include <string>

namespace echoload {

/// The whole result.
[[nodiscard]] std::string text_report(const Options& options, const RunResult& result,
                                      const Verdict& verdict);

/// Only what is wrong: errors, wrong echoes and the verdict. Empty where the verdict is ok.
[[nodiscard]] std::string text_failures(const Options& options, const RunResult& result,
                                        const Verdict& verdict);

/// The result of a run in progress, up to its last complete interval.
[[nodiscard]] std::string text_snapshot(const Options& options, const RunResult& so_far);

} // namespace echoload
