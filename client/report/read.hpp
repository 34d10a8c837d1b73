// SPDX-License-Identifier: MIT
// Reads a result from a file.
#pragma once

#include "client/report/stored_result.hpp"

#include <string>

namespace echoload {

/// Reads a file that --format json or merge wrote. A counter that is missing is 0, and another
/// figure that is missing does not exist, so that a result of an earlier version can be read.
/// Throws BadResult that names the file, and the place in it, where it cannot be read or is not a
/// result.
[[nodiscard]] StoredResult read_result(const std::string& path);

} // namespace echoload
