// SPDX-License-Identifier: MIT
// The verdicts on a search and on a sweep whose runs were all made.
#pragma once

#include "client/options/options.hpp"
#include "client/report/capacity.hpp"
#include "client/result/verdict.hpp"

namespace echoload {

/// Ok where a rate holds. The report has the answer.
[[nodiscard]] Verdict search_verdict(const CapacityReport& report);

/// Ok where no condition of the load failed at a point or is undecided there; a load without
/// conditions is just measured.
[[nodiscard]] Verdict sweep_verdict(const CapacityReport& report, const Options& load);

} // namespace echoload
