// SPDX-License-Identifier: MIT
// Finds the daemons of this machine by their runtime directories.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// Where the runtime directories of services are.
inline constexpr std::string_view kRuntimeDirectory = "/run";

/// A daemon that has sockets in its runtime directory; it need not run any more.
struct Instance {
    std::string name;         ///< that of the unit: "echod", "echod@1"
    std::string control_path; ///< of the control socket, which other users may not use
    std::string stats_path;   ///< of the statistics socket
};

/// The instance `name`, "echod" or "echod@N", whether it exists or not. Throws std::bad_alloc.
[[nodiscard]] Instance instance_named(const std::string& name, const std::string& runtime);

/// The daemons with a socket in `runtime`/echod or `runtime`/echod-N, sorted: "echod" first, then
/// numbers by their value, then other names. Throws std::bad_alloc.
[[nodiscard]] std::vector<Instance>
find_instances(const std::string& runtime = std::string(kRuntimeDirectory));

} // namespace echod
