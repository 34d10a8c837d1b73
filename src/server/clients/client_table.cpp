// SPDX-License-Identifier: MIT
#include "server/clients/client_table.hpp"

namespace echod {

std::uint32_t ClientTable::allocate() {
    if (free_.empty()) {
        const auto first = static_cast<std::uint32_t>(chunks_.size() * kChunk);
        auto chunk = std::make_unique<Client[]>(kChunk);
        free_.reserve(first + kChunk); // so that release() never allocates
        chunks_.push_back(std::move(chunk));
        for (std::uint32_t slot = first + kChunk; slot > first; --slot) {
            Client& client = (*this)[slot - 1];
            client.ready.mark_unlinked(slot - 1);
            client.activity.mark_unlinked(slot - 1);
            client.deadline.mark_unlinked(slot - 1);
            free_.push_back(slot - 1);
        }
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    ++(*this)[slot].generation;
    return slot;
}

void ClientTable::release(std::uint32_t slot) noexcept {
    Client& client = (*this)[slot];
    client.connection = Connection{};
    client.ip = nullptr;
    client.bulk = false;
    client.proxied = false;
    client.continued = false;
    client.listed = Deadline::none;
    client.watches_output = false;
    client.exhaust = false;
    client.listener = 0;
    ++client.generation;
    free_.push_back(slot);
}

} // namespace echod
