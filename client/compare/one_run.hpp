// SPDX-License-Identifier: MIT
// Whether results are parts of one run: of several clients that loaded the same servers together.
#pragma once

#include "client/report/stored_result.hpp"

#include <string>
#include <vector>

namespace echoload {

/// A result and the file from which it was read.
struct ReadResult {
    std::string file;
    StoredResult result;
};

/// The measured part of a result, in wall time; nothing where it has none.
struct MeasuredPart {
    std::string from; ///< UTC, as `started` of a result
    std::string to;
};
[[nodiscard]] std::optional<MeasuredPart> measured_part(const StoredResult& result);

/// Throws BadResult that names two files and how they differ, where the results cannot be added up:
/// one of them is given twice, one loop is open and the other closed, the lengths of the measured
/// parts differ by more than a tenth, or their common part is shorter than half of one of them. A
/// result without a measured part adds no rate: only that it is not given twice is checked. With
/// `force`, times are not compared.
void require_one_run(const std::vector<ReadResult>& results, bool force = false);

} // namespace echoload
