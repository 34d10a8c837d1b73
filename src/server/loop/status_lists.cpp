// SPDX-License-Identifier: MIT
#include "server/loop/status_lists.hpp"

namespace echod {

void StatusLists::update(const Clients& clients, TimePoint now) {
    constexpr std::size_t kListed = 5;
    constexpr Duration kValidFor = std::chrono::milliseconds(100);
    if (made_at_ && now - *made_at_ < kValidFor) {
        return;
    }
    busiest_.clear();
    oldest_.clear();
    clients.summarize(kListed, now, busiest_, oldest_);
    made_at_ = now;
}

} // namespace echod
