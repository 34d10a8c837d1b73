// SPDX-License-Identifier: MIT
// The lines of the text report on processor time, memory and the bottleneck.
#pragma once

#include "client/report/stored_result.hpp"

#include <string>

namespace echoload {

/// What client, loops and server used, and the bottleneck. Empty where the run has no measured
/// part.
[[nodiscard]] std::string usage_text(const StoredResult& result);

} // namespace echoload
