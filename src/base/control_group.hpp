// SPDX-License-Identifier: MIT
// Where the control groups of a process are.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// Where proc(5) and cgroups(7) are mounted; a test replaces them.
struct ControlGroupPlaces {
    std::string proc = "/proc";
    std::string groups = "/sys/fs/cgroup";
};

/// The directories in which the files of a controller ("cpu", "memory") may be for a process: of
/// its group and of those above it, which limit it too, of version 2 and of version 1. They may not
/// exist. Empty where the group is not known.
[[nodiscard]] std::vector<std::filesystem::path>
control_groups(pid_t pid, std::string_view controller, const ControlGroupPlaces& places);

} // namespace echod
