// SPDX-License-Identifier: MIT
// The busiest and the oldest connections, for --status and --stats.
#pragma once

#include "base/clock.hpp"
#include "server/clients/clients.hpp"
#include "server/stats/status.hpp"

#include <optional>
#include <vector>

namespace echod {

/// Making the lists visits every connection. Therefore they are made at most ten times a second,
/// however many requests come.
class StatusLists {
public:
    /// Makes the lists anew where they are 100 ms old or older.
    void update(const Clients& clients, TimePoint now);

    [[nodiscard]] const std::vector<ConnectionSummary>& busiest() const noexcept {
        return busiest_;
    }
    [[nodiscard]] const std::vector<ConnectionSummary>& oldest() const noexcept { return oldest_; }

private:
    std::vector<ConnectionSummary> busiest_; ///< by messages
    std::vector<ConnectionSummary> oldest_;
    std::optional<TimePoint> made_at_;
};

} // namespace echod
