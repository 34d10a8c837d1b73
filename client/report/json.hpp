// SPDX-License-Identifier: MIT
// The result of a run as JSON.
#pragma once

#include "client/options/options.hpp"
#include "client/report/stored_result.hpp"
#include "client/result/run_result.hpp"
#include "client/result/verdict.hpp"

#include <string>

namespace echoload {

/// The result of a run in the form of its JSON. `result` is null where the run never began.
[[nodiscard]] StoredResult stored_result(const Options& options, const RunResult* result,
                                         const Verdict& verdict);

/// The whole result as one JSON object; `result` is null where the run never began. A figure that
/// does not exist is null.
[[nodiscard]] std::string json_report(const Options& options, const RunResult* result,
                                      const Verdict& verdict);

} // namespace echoload
