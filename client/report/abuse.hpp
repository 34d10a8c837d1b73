// SPDX-License-Identifier: MIT
// The cohorts that misbehaved, as a table of text.
#pragma once

#include "client/report/stored_result.hpp"

#include <string>
#include <vector>

namespace echoload {

/// A line for each cohort, below a line of column heads.
[[nodiscard]] std::string abuse_table(const std::vector<StoredCohort>& cohorts);

} // namespace echoload
