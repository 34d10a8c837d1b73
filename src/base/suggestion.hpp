// SPDX-License-Identifier: MIT
// Finds the key, section, option or command that a misspelled one was probably meant to be.
#pragma once

#include <string>
#include <vector>

namespace echod {

/// "; did you mean limits.quota_messages?" for the candidate with the fewest edits, or an empty
/// string if every candidate differs in too many characters.
[[nodiscard]] std::string suggestion(const std::string& unknown,
                                     const std::vector<std::string>& candidates);

} // namespace echod
