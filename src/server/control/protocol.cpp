// SPDX-License-Identifier: MIT
#include "server/control/protocol.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <stdexcept>

namespace echod {

Endpoint control_endpoint(const std::string& path) {
    if (path.size() >= sizeof sockaddr_un::sun_path) {
        throw std::runtime_error(fmt::format("control socket {}: the path is longer than {} bytes",
                                             path, sizeof sockaddr_un::sun_path - 1));
    }
    return resolve_target("unix:" + path).front();
}

} // namespace echod
