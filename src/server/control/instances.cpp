// SPDX-License-Identifier: MIT
#include "server/control/instances.hpp"

#include "server/control/protocol.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <tuple>
#include <utility>

namespace echod {

namespace {

constexpr std::string_view kService = "echod";
constexpr std::string_view kDirectoryPrefix = "echod-";
constexpr std::string_view kUnitPrefix = "echod@";

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

// The unit to which a runtime directory belongs; empty if it is not one of ours.
std::string unit_of(std::string_view directory) {
    if (directory == kService) {
        return std::string(directory);
    }
    if (!directory.starts_with(kDirectoryPrefix) || directory.size() == kDirectoryPrefix.size()) {
        return "";
    }
    return std::string(kUnitPrefix) + std::string(directory.substr(kDirectoryPrefix.size()));
}

// Numbers by value: of two without leading zeros, the shorter one is the lower.
auto order_of(const Instance& instance) {
    const bool is_number =
        instance.name.size() > kUnitPrefix.size() &&
        instance.name.find_first_not_of("0123456789", kUnitPrefix.size()) == std::string::npos;
    return std::tuple(instance.name != kService, !is_number, is_number ? instance.name.size() : 0,
                      instance.name);
}

} // namespace

Instance instance_named(const std::string& name, const std::string& runtime) {
    std::string directory = name;
    if (directory.starts_with(kUnitPrefix)) {
        directory.replace(0, kUnitPrefix.size(), kDirectoryPrefix);
    }
    const std::string control = runtime + "/" + directory + "/control.sock";
    return {name, control, stats_path(control)};
}

std::vector<Instance> find_instances(const std::string& runtime) {
    std::vector<Instance> found;
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(runtime.c_str()));
    while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
        const std::string unit = unit_of(&entry->d_name[0]);
        if (unit.empty()) {
            continue;
        }
        Instance instance = instance_named(unit, runtime);
        // A directory that may not be entered belongs to a daemon all the same.
        if (::access(instance.stats_path.c_str(), F_OK) == 0 ||
            ::access(instance.control_path.c_str(), F_OK) == 0 || errno == EACCES) {
            found.push_back(std::move(instance));
        }
    }
    std::sort(found.begin(), found.end(), [](const Instance& one, const Instance& other) {
        return order_of(one) < order_of(other);
    });
    return found;
}

} // namespace echod
