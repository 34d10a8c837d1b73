// SPDX-License-Identifier: MIT
#include "server/control/protocol.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <stdexcept>

namespace echod {

std::string stats_path(const std::string& control_path) {
    constexpr std::string_view kControl = "control.sock";
    const std::size_t slash = control_path.rfind('/');
    const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
    return control_path.substr(name) == kControl ? control_path.substr(0, name) + "stats.sock"
                                                 : control_path + ".stats";
}

Endpoint control_endpoint(const std::string& path, std::string_view name) {
    if (path.size() >= sizeof sockaddr_un::sun_path) {
        throw std::runtime_error(fmt::format("{} {}: the path is longer than {} bytes", name, path,
                                             sizeof sockaddr_un::sun_path - 1));
    }
    return resolve_target("unix:" + path).front();
}

} // namespace echod
