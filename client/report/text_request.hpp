// SPDX-License-Identifier: MIT
// The first two lines of the text report: what was requested of the run.
#pragma once

#include "client/options/options.hpp"

#include <string>

namespace echoload {

/// The loop, the connections and the targets; then the options that are not the default, and the
/// seed.
[[nodiscard]] std::string request_text(const Options& options);

} // namespace echoload
