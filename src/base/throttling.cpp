// SPDX-License-Identifier: MIT
#include "base/throttling.hpp"

#include <filesystem>
#include <fstream>
#include <string>

namespace echod {

namespace {

// The counters of one group; nothing where it has none.
std::optional<Throttling> read_cpu_stat(const std::filesystem::path& group) {
    std::ifstream file(group / "cpu.stat");
    Throttling counters;
    bool found = false;
    std::string name;
    std::uint64_t value = 0;
    while (file >> name >> value) {
        if (name == "nr_periods") {
            counters.periods = value;
        } else if (name == "nr_throttled") {
            counters.throttled = value;
            found = true;
        }
    }
    return found ? std::optional(counters) : std::nullopt;
}

double share_of(const Throttling& counted) {
    return counted.periods == 0
               ? 0
               : static_cast<double>(counted.throttled) / static_cast<double>(counted.periods);
}

} // namespace

GroupThrottling read_throttling(pid_t pid, const ControlGroupPlaces& places) {
    GroupThrottling all;
    for (const std::filesystem::path& group : control_groups(pid, "cpu", places)) {
        if (const auto counters = read_cpu_stat(group)) {
            all.emplace(group, *counters);
        }
    }
    return all;
}

std::optional<Throttling> throttling_between(const GroupThrottling& before,
                                             const GroupThrottling& after) {
    std::optional<Throttling> most;
    for (const auto& [group, until] : after) {
        const auto from = before.find(group);
        // Counters that went back are those of another group of the same name.
        if (from == before.end() || until.periods < from->second.periods ||
            until.throttled < from->second.throttled) {
            continue;
        }
        const Throttling counted{until.periods - from->second.periods,
                                 until.throttled - from->second.throttled};
        if (!most || share_of(counted) > share_of(*most)) {
            most = counted;
        }
    }
    return most;
}

} // namespace echod
