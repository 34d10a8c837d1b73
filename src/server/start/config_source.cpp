// SPDX-License-Identifier: MIT
#include "server/start/config_source.hpp"

#include "server/config/reader.hpp"

#include <unistd.h>

#include <cerrno>

namespace echod {

LoadedConfig read_config(const std::optional<std::string>& path) {
    if (path) {
        return {load_config(*path)};
    }
    const std::string standard(kDefaultConfigPath);
    // A file that exists but cannot be reached is an error, which load_config() reports.
    if (::access(standard.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return {Config{}, false};
    }
    return {load_config(standard)};
}

} // namespace echod
