// SPDX-License-Identifier: MIT
// Where the configuration comes from: a named file, the default one, or the defaults.
#pragma once

#include "server/config/config.hpp"

#include <optional>
#include <string>

namespace echod {

struct LoadedConfig {
    Config config;
    bool file_exists = true; ///< false: there is no file at the default path; `config` has defaults
};

/// Reads the file at `path`, or the default one, which need not exist. Throws ConfigError.
[[nodiscard]] LoadedConfig read_config(const std::optional<std::string>& path);

} // namespace echod
