// SPDX-License-Identifier: MIT
#include "client/load/recovery.hpp"

#include <algorithm>
#include <string>

namespace echoload {

namespace {

// A name occurs more than once where each of its addresses is a target (--resolve all).
std::vector<std::string> names_of(const std::vector<Target>& targets) {
    std::vector<std::string> names;
    for (const Target& target : targets) {
        if (std::find(names.begin(), names.end(), target.name) == names.end()) {
            names.push_back(target.name);
        }
    }
    return names;
}

std::vector<std::size_t> groups_of(const std::vector<Target>& targets) {
    const std::vector<std::string> names = names_of(targets);
    std::vector<std::size_t> groups;
    for (const Target& target : targets) {
        const auto place = std::find(names.begin(), names.end(), target.name);
        groups.push_back(static_cast<std::size_t>(place - names.begin()));
    }
    return groups;
}

} // namespace

// A number of messages has no end of its own where no connection is ever made.
Recovery::Recovery(const WorkerPlan& plan, const std::vector<Target>& targets, TimePoint start)
    : group_of_(groups_of(targets)), reconnects_(plan.connections, plan.seed, plan.loop),
      outages_(plan.connections, names_of(targets), start),
      retry_until_(plan.messages ? start + plan.timeout : TimePoint::max()) {}

void Recovery::up(std::uint32_t id, TimePoint now) {
    if (!stopping_) {
        retry_until_ = TimePoint::max();
    }
    if (outages_.is_interrupted(id)) {
        up_.add(now + kIdle, id);
    }
}

bool Recovery::expire(TimePoint now) noexcept {
    if (expired_ || now < retry_until_) {
        return false;
    }
    expired_ = true;
    reconnects_.clear();
    return true;
}

TimePoint Recovery::next() const noexcept {
    const TimePoint end = expired_ ? TimePoint::max() : retry_until_;
    return std::min({reconnects_.next(), up_.next(), end});
}

} // namespace echoload
