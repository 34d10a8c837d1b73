// SPDX-License-Identifier: MIT
// The result of a run as a page of HTML.
#pragma once

#include "client/options/options.hpp"
#include "client/result/run_result.hpp"
#include "client/result/timeline.hpp"
#include "client/result/verdict.hpp"

#include <string>

namespace echoload {

/// One page that refers to nothing outside itself: charts, and every figure of the JSON.
[[nodiscard]] std::string html_report(const Options& options, const RunResult& result,
                                      const Verdict& verdict, const Timeline& timeline);

} // namespace echoload
