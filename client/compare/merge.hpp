// SPDX-License-Identifier: MIT
// The command merge: one result of several runs that loaded the same servers at the same time.
#pragma once

#include "client/compare/compare.hpp"
#include "client/report/stored_result.hpp"

#include <string>
#include <vector>

namespace echoload {

/// Adds `part` to `sum`: counts, buckets and rates are added, figures are made of the sums, and the
/// worse verdict stays. What cannot be added and differs becomes null.
void merge_into(StoredResult& sum, const StoredResult& part);

/// One result's JSON of those in `files`, which are at least one. The exit code is that of the
/// worst verdict. Throws BadResult.
[[nodiscard]] CommandOutput merge_results(const std::vector<std::string>& files);

} // namespace echoload
