// SPDX-License-Identifier: MIT
// Reads a TOML file into a Config. This is the only unit that knows toml++.
#pragma once

#include "server/config/config.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// An invalid configuration. what() has one line for each error, in the form
/// "FILE:LINE:COL: KEY: must be ..., is ...", or "FILE: ..." if the error has no position.
class ConfigError : public std::runtime_error {
public:
    explicit ConfigError(std::vector<std::string> lines);
    [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

private:
    std::vector<std::string> lines_;
};

/// Reads `text`; errors call it `name`. Throws ConfigError with every error in it.
[[nodiscard]] Config parse_config(std::string_view text, const std::string& name);

/// Reads the regular file at `path`. Throws ConfigError, also if the file cannot be read.
[[nodiscard]] Config load_config(const std::string& path);

} // namespace echod
