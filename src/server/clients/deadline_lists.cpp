// SPDX-License-Identifier: MIT
#include "server/clients/deadline_lists.hpp"

namespace echod {

void DeadlineLists::move(std::uint32_t slot, Client& client) noexcept {
    remove(slot, client);
    client.listed = client.connection.deadline();
    if (client.listed != Deadline::none) {
        client.listed_since = client.connection.deadline_since();
        list(client.listed).push_back(table_, slot);
    }
}

std::uint32_t DeadlineLists::expired(Deadline kind, TimePoint now) const noexcept {
    return next_of(kind) <= now ? lists_[static_cast<std::size_t>(kind)].front() : kNoIndex;
}

} // namespace echod
