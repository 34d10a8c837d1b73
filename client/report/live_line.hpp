// SPDX-License-Identifier: MIT
// One interval of a run in progress as a line of text.
#pragma once

#include "client/result/live_interval.hpp"

#include <string>

namespace echoload {

/// Ends in a newline.
[[nodiscard]] std::string live_line(const LiveInterval& interval);

} // namespace echoload
