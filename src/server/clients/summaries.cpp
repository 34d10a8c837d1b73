// SPDX-License-Identifier: MIT
#include "server/clients/summaries.hpp"

#include "net/address.hpp"

#include <algorithm>

namespace echod {

void summarize_clients(const ClientTable& table, const ActivityList& clients,
                       const ClientAddresses& addresses, std::size_t count, TimePoint now,
                       std::vector<ConnectionSummary>& busiest,
                       std::vector<ConnectionSummary>& oldest) {
    std::vector<std::uint32_t> all;
    all.reserve(clients.size());
    for (std::uint32_t slot = clients.front(); slot != kNoIndex; slot = clients.next(slot)) {
        all.push_back(slot);
    }
    const auto at = [&table](std::uint32_t slot) -> const Connection& {
        return table[slot].connection;
    };
    const auto take = [&](auto before, std::vector<ConnectionSummary>& into) {
        const auto middle = all.begin() + static_cast<long>(std::min(count, all.size()));
        std::partial_sort(all.begin(), middle, all.end(), before);
        for (auto one = all.begin(); one != middle; ++one) {
            const Connection& connection = at(*one);
            into.push_back({addresses.endpoint(*one).to_string(), connection.messages(),
                            connection.bytes_received(), connection.buffered_bytes(),
                            now - connection.accepted(), now - connection.last_activity()});
        }
    };
    take([&at](auto a, auto b) { return at(a).messages() > at(b).messages(); }, busiest);
    take([&at](auto a, auto b) { return at(a).accepted() < at(b).accepted(); }, oldest);
}

} // namespace echod
