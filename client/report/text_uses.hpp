// SPDX-License-Identifier: MIT
// The parts of the text report about targets, addresses and connections, and about the course of
// the rate. Each is empty where there is nothing to say.
#pragma once

#include "client/report/json_value.hpp"

#include <string>

namespace echoload {

/// "EOF (closed by the server)", or a name of an errno with its description.
[[nodiscard]] std::string error_text(const std::string& name);

/// Where there are several: of each target, its connections, messages, percentiles and errors.
[[nodiscard]] std::string targets_text(const Json& targets);

/// Where there is a choice, or an attempt failed: of each address, what became of it.
[[nodiscard]] std::string addresses_text(const Json& uses);

/// The slowest and the fastest tenth of the connections, and the slowest ones.
[[nodiscard]] std::string fairness_text(const Json& fairness);

/// The rates of a run that was not steady.
[[nodiscard]] std::string steadiness_text(const Json& steadiness);

} // namespace echoload
