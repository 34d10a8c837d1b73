// SPDX-License-Identifier: MIT
#include "base/control_group.hpp"

#include <fmt/format.h>

#include <fstream>

namespace echod {

namespace {

using std::filesystem::path;

bool names(std::string_view controllers, std::string_view controller) {
    while (!controllers.empty()) {
        const std::size_t comma = controllers.find(',');
        if (controllers.substr(0, comma) == controller) {
            return true;
        }
        controllers = comma == std::string_view::npos ? "" : controllers.substr(comma + 1);
    }
    return false;
}

// Where the group of a line of /proc/PID/cgroup may be mounted: "0::/path" of version 2,
// "4:cpu,cpuacct:/path" of version 1.
std::vector<path> places_of(const std::string& line, std::string_view controller,
                            const std::string& groups) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
        return {};
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
        return {groups + group, groups + "/unified" + group};
    }
    if (!names(controllers, controller)) {
        return {};
    }
    return {fmt::format("{}/{}{}", groups, controllers, group),
            fmt::format("{}/{}{}", groups, controller, group)};
}

} // namespace

std::vector<path> control_groups(pid_t pid, std::string_view controller,
                                 const ControlGroupPlaces& places) {
    std::ifstream file(fmt::format("{}/{}/cgroup", places.proc, pid));
    std::vector<path> found;
    for (std::string line; std::getline(file, line);) {
        for (path group : places_of(line, controller, places.groups)) {
            for (; group.native().size() > places.groups.size(); group = group.parent_path()) {
                found.push_back(group);
            }
        }
    }
    return found;
}

} // namespace echod
