// SPDX-License-Identifier: MIT
// The options of a run in the JSON.
#pragma once

#include "client/options/options.hpp"
#include "client/report/json_value.hpp"

namespace echoload {

/// The value of "asked": every option that the load depends on, by its name.
[[nodiscard]] Json options_json(const Options& options);

} // namespace echoload
