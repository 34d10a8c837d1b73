// SPDX-License-Identifier: MIT
#include "server/clients/activity_list.hpp"

namespace echod {

void ActivityList::add(std::uint32_t slot, TimePoint active) noexcept {
    table_[slot].activity_stamp = active;
    list_.push_back(table_, slot);
}

std::uint32_t ActivityList::expired(TimePoint now) const noexcept {
    return next_deadline() <= now ? list_.front() : kNoIndex;
}

} // namespace echod
