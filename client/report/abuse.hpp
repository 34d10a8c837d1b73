// SPDX-License-Identifier: MIT
// The cohorts that misbehaved, as a table of text.
#pragma once

#include "client/result/abuse_result.hpp"

#include <string>

namespace echoload {

/// A line for each cohort that was requested, below a line of column heads.
[[nodiscard]] std::string abuse_table(const AbuseOptions& options, const AbuseResult& result);

} // namespace echoload
