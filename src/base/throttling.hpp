// SPDX-License-Identifier: MIT
// How often a control group ran out of its CPU quota.
#pragma once

#include "base/control_group.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

namespace echod {

/// The counters of cpu.stat: periods of the quota in which the group ran, and those of them in
/// which it was stopped until the next one (CPUQuota= of systemd).
struct Throttling {
    std::uint64_t periods = 0;
    std::uint64_t throttled = 0;
};

/// The counters of each control group that has them, by its directory.
using GroupThrottling = std::map<std::filesystem::path, Throttling>;

/// Of the control group of a process and of those above it.
[[nodiscard]] GroupThrottling read_throttling(pid_t pid, const ControlGroupPlaces& places = {});

/// What was counted between two samples, of the group that was throttled in the largest share of
/// its periods. Nothing where no group is in both; zeros where none has a quota.
[[nodiscard]] std::optional<Throttling> throttling_between(const GroupThrottling& before,
                                                           const GroupThrottling& after);

} // namespace echod
