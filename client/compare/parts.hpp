// SPDX-License-Identifier: MIT
// The parts of a run that --part divided, and when they began.
#pragma once

#include "client/compare/one_run.hpp"
#include "client/report/stored_result.hpp"

#include <string>
#include <vector>

namespace echoload {

/// The options of a result are those of a whole run, of which it is a part, or some parts.
[[nodiscard]] bool is_of_parts(const StoredResult& result);

/// Throws BadResult that names two files and how they differ, where the results are not parts of
/// one run by --part: one is none, the number of parts, an option of the load or the seed differ,
/// or a part is given twice. Without `force` also where one began late, or was to begin at another
/// time.
void require_parts_of_one_run(const std::vector<ReadResult>& results, bool force);

/// Which parts there are of those in `merged`, for the JSON; null where they are none of --part.
[[nodiscard]] Json parts_json(const Json& merged);

/// The verdict on all parts in `merged`, with the file before each reason. It is at best "not
/// delivered" where one is missing; `without_result` are files of parts that ended without one.
[[nodiscard]] StoredVerdict verdict_of_parts(const Json& merged, const Json& parts,
                                             const std::vector<std::string>& without_result);

} // namespace echoload
