// SPDX-License-Identifier: MIT
// Descriptions of wrong echoes in the JSON, and from it.
#pragma once

#include "client/message/mismatch.hpp"
#include "client/report/json_reader.hpp"

#include <vector>

namespace echoload {

/// A list with an object for each.
[[nodiscard]] Json mismatches_json(const std::vector<Mismatch>& list);

/// Reads that list. Throws BadResult that names the place.
[[nodiscard]] std::vector<Mismatch> read_mismatch_list(const JsonReader& list);

} // namespace echoload
