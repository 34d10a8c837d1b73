// SPDX-License-Identifier: MIT
// Asks all instances for their metrics.
#pragma once

#include "base/clock.hpp"
#include "server/control/instances.hpp"

#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace echod {

/// Asks every instance at the same time, and waits for all of them at most kTimeout, so that one
/// that hangs delays the others by no more. Any thread may call it.
class Collector {
public:
    /// Less than the scrape_timeout of Prometheus, which is 10 s by default.
    static constexpr Duration kTimeout = std::chrono::seconds(3);
    /// An answer that is longer is none. The metrics of an instance take about 8 KiB.
    static constexpr std::size_t kLongestAnswer = 1024UL * 1024UL;

    /// `runtime` has the runtime directories of the instances. Those that are `expected` are down
    /// as long as they are not found.
    Collector(std::string runtime, const std::vector<std::string>& expected);

    /// The metrics of all instances, and echod_up for each: 0 for an instance that is expected, was
    /// found before, or has a socket, and does not answer. Without any instance, "echod" is
    /// expected. Throws std::bad_alloc.
    [[nodiscard]] std::string collect();

private:
    [[nodiscard]] std::vector<Instance> known_instances();

    std::string runtime_;
    std::mutex mutex_;
    std::set<std::string> names_; ///< expected, or found before; guarded by mutex_
};

} // namespace echod
