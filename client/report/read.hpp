// SPDX-License-Identifier: MIT
// Reads a result from a file.
#pragma once

#include "client/report/json_reader.hpp"
#include "client/report/stored_result.hpp"

#include <string>

namespace echoload {

/// Reads a file that --format json or merge wrote. A counter that is missing is 0, and another
/// figure that is missing does not exist, so that a result of an earlier version can be read.
/// Throws BadResult that names the file, and the place in it, where it cannot be read or is not a
/// result.
[[nodiscard]] StoredResult read_result(const std::string& path);

/// The same of JSON that has been read.
[[nodiscard]] StoredResult read_result(const JsonReader& file);

/// Reads JSON. Throws BadResult that names the file.
[[nodiscard]] Json read_json_file(const std::string& path);

/// Throws BadResult unless it is an object that echoload wrote, in the form that is read here.
void check_header(const JsonReader& file);

} // namespace echoload
