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

/// One result's JSON of those in the files, which are at least one. The exit code is that of the
/// worst verdict. A file of --part without a result is one of a part that died. Throws BadResult.
[[nodiscard]] CommandOutput merge_results(const MergeOptions& options);

} // namespace echoload
