// SPDX-License-Identifier: MIT
#include "client/load/rivals.hpp"

#include <algorithm>
#include <utility>

namespace echoload {

std::optional<Rival> Rivals::take(std::uint32_t id, std::optional<std::uint64_t> generation) {
    const auto found = attempts_.find(id);
    if (found == attempts_.end()) {
        return std::nullopt;
    }
    std::vector<Rival>& all = found->second;
    auto rival = all.empty() ? all.end() : all.end() - 1;
    if (generation) {
        rival = std::find_if(all.begin(), all.end(),
                             [&](const Rival& each) { return each.generation == *generation; });
    }
    if (rival == all.end()) {
        return std::nullopt;
    }
    std::optional<Rival> taken(std::move(*rival));
    all.erase(rival);
    return taken;
}

std::vector<std::uint16_t> Rivals::drop(std::uint32_t id) {
    std::vector<std::uint16_t> addresses;
    if (const auto found = attempts_.find(id); found != attempts_.end()) {
        for (const Rival& rival : found->second) {
            addresses.push_back(rival.address);
        }
        attempts_.erase(found);
    }
    return addresses;
}

} // namespace echoload
