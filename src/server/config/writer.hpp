// SPDX-License-Identifier: MIT
// Prints a configuration as TOML.
#pragma once

#include "server/config/config.hpp"

#include <string>

namespace echod {

/// `config` as TOML with every key. parse_config() reads it back as an equal Config.
[[nodiscard]] std::string format_config(const Config& config);

} // namespace echod
