// SPDX-License-Identifier: MIT
// A field of a journal entry.
#pragma once

#include <string>
#include <utility>

namespace echod {

/// One field of a journal entry beside MESSAGE: its name in capitals and its value.
using JournalField = std::pair<std::string, std::string>;

} // namespace echod
