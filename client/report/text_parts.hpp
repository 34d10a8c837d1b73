// SPDX-License-Identifier: MIT
// The lines of the text on several machines: the start, and the parts of a merged result.
#pragma once

#include "client/report/stored_result.hpp"

#include <string>
#include <vector>

namespace echoload {

/// A line that says when the run was to begin, how much later it did, and how right the clock is;
/// empty without --start-at.
[[nodiscard]] std::string start_text(const StoredResult& result);

/// Of a merged result, a line with the main figures of each of its parts, and one that says which
/// parts are missing or began late; empty for the result of a run.
[[nodiscard]] std::string parts_text(const StoredResult& result);

/// What is wrong with the parts of a merged result: "part 2 of 3 is missing".
[[nodiscard]] std::vector<std::string> faults_of_parts(const Json& parts);

} // namespace echoload
