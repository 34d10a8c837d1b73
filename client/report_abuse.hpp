// SPDX-License-Identifier: MIT
// The cohorts that misbehaved, as a person and as a program reads them.
#pragma once

#include "client/abuse.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace echoload {

/// A table, a line for each cohort that there was.
[[nodiscard]] std::string abuse_table(const AbuseOptions& options, const AbuseResult& result);

/// An object with a member for each cohort that there was.
[[nodiscard]] nlohmann::ordered_json abuse_json(const AbuseOptions& options,
                                                const AbuseResult& result);

} // namespace echoload
