// SPDX-License-Identifier: MIT
#include "client/result/fairness.hpp"

#include <algorithm>
#include <span>

namespace echoload {

namespace {

Duration mean_of(std::span<const ConnectionUse> connections) {
    Duration sum{};
    for (const ConnectionUse& each : connections) {
        sum += each.mean();
    }
    return sum / static_cast<std::int64_t>(connections.size());
}

} // namespace

std::optional<Fairness> find_fairness(std::vector<ConnectionUse> connections) {
    Fairness fairness;
    fairness.without_values =
        std::erase_if(connections, [](const ConnectionUse& each) { return each.values == 0; });
    fairness.connections = connections.size();
    if (connections.empty() || connections.size() + fairness.without_values < 2) {
        return std::nullopt;
    }
    std::sort(connections.begin(), connections.end(),
              [](const ConnectionUse& a, const ConnectionUse& b) {
                  return a.mean() != b.mean() ? a.mean() > b.mean() : a.connection < b.connection;
              });
    const std::size_t tenth = std::max<std::size_t>(connections.size() / 10, 1);
    fairness.slowest_decile = mean_of(std::span(connections).first(tenth));
    fairness.fastest_decile = mean_of(std::span(connections).last(tenth));
    connections.resize(std::min(connections.size(), Fairness::kWorst));
    fairness.worst = std::move(connections);
    return fairness;
}

} // namespace echoload
