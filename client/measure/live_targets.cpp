// SPDX-License-Identifier: MIT
#include "client/measure/live_targets.hpp"

#include <algorithm>
#include <utility>

namespace echoload {

void LoopOutages::add(const Outage& outage) {
    if (ended.size() < Outages::kListed) {
        ended.push_back(outage);
        return;
    }
    ++left_out;
    longest_left_out = std::max(longest_left_out, outage.length());
}

void LoopOutages::append(LoopOutages next) {
    for (const Outage& outage : next.ended) {
        add(outage);
    }
    left_out += next.left_out;
    longest_left_out = std::max(longest_left_out, next.longest_left_out);
    current = std::move(next.current);
}

LiveTargets::LiveTargets(const std::vector<std::string>& names, std::size_t loops) {
    for (const std::string& name : names) {
        const auto same = std::find_if(targets_.begin(), targets_.end(), [&name](const auto& each) {
            return each.state.target == name;
        });
        target_of_.push_back(static_cast<std::size_t>(same - targets_.begin()));
        if (same == targets_.end()) {
            targets_.push_back({{name, 0, false, 0, {}, {}}, 0, {}, std::vector<LoopPart>(loops)});
        }
    }
}

LiveTargets::Target& LiveTargets::find(const std::string& name) {
    return *std::find_if(targets_.begin(), targets_.end(),
                         [&name](const Target& each) { return each.state.target == name; });
}

void LiveTargets::add(std::size_t loop, const std::vector<AddressInterval>& addresses,
                      const std::optional<LoopOutages>& outages) {
    for (Target& target : targets_) {
        target.loops[loop].open = 0;
    }
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        LoopPart& part = targets_[target_of_[i]].loops[loop];
        part.verified += addresses[i].verified;
        part.failures += addresses[i].failures;
        part.open += addresses[i].open;
    }
    if (!outages) {
        return;
    }
    has_outages_ = true;
    over_.not_listed += outages->left_out;
    over_.longest_not_listed = std::max(over_.longest_not_listed, outages->longest_left_out);
    for (Target& target : targets_) {
        target.loops[loop].outages.current.clear();
    }
    for (const Outage& outage : outages->ended) {
        find(outage.target).loops[loop].outages.add(outage);
    }
    for (const Outage& outage : outages->current) {
        find(outage.target).loops[loop].outages.current = {outage};
    }
}

void LiveTargets::end_loop(std::size_t loop) {
    for (Target& target : targets_) {
        target.loops[loop].open = 0;
        target.loops[loop].outages.current.clear();
    }
}

std::uint64_t LiveTargets::end_interval() {
    std::uint64_t begun = 0;
    for (Target& target : targets_) {
        std::uint64_t verified = 0;
        std::uint64_t failures = 0;
        TargetState& state = target.state;
        state.open = 0;
        for (LoopPart& part : target.loops) {
            verified += std::exchange(part.verified, 0);
            failures += std::exchange(part.failures, 0);
            state.open += part.open;
        }
        state.up = state.open != 0 && (verified != 0 || (failures == 0 && state.up));
        const std::uint64_t before = state.outages;
        update_outages(target);
        begun += state.outages - before;
    }
    return begun;
}

// Those of the loops that are not complete.
Outages LiveTargets::merged(const Target& target) {
    std::vector<Outages> loops;
    for (const LoopPart& part : target.loops) {
        if (part.outages.ended.empty() && part.outages.current.empty()) {
            continue;
        }
        Outages& loop = loops.emplace_back();
        for (const Outage& outage : part.outages.ended) {
            loop.add(outage);
        }
        for (const Outage& outage : part.outages.current) {
            loop.add(outage);
        }
    }
    return loops.empty() ? Outages() : merge_outages(loops);
}

void LiveTargets::update_outages(Target& target) {
    Outages all = merged(target);
    TargetState& state = target.state;
    Duration out{};
    for (const Outage& outage : all.list) {
        out += outage.length();
    }
    state.out = std::max(state.out, target.complete_out + out);
    const bool lasts =
        std::any_of(target.loops.begin(), target.loops.end(),
                    [](const LoopPart& part) { return !part.outages.current.empty(); });
    if (lasts) {
        state.outages = target.complete + 1;
        state.out_since = all.list.back().length();
        return;
    }
    state.out_since.reset();
    target.complete += all.count();
    target.complete_out += out;
    state.outages = target.complete;
    for (LoopPart& part : target.loops) {
        part.outages.ended.clear();
    }
    for (Outage& outage : all.list) {
        over_.add(std::move(outage));
    }
}

std::vector<TargetState> LiveTargets::states() const {
    std::vector<TargetState> states;
    for (const Target& target : targets_) {
        states.push_back(target.state);
    }
    return states;
}

std::optional<Outages> LiveTargets::outages() const {
    if (!has_outages_) {
        return std::nullopt;
    }
    Outages all = over_;
    for (const Target& target : targets_) {
        for (Outage& outage : merged(target).list) {
            all.add(std::move(outage));
        }
    }
    return all;
}

} // namespace echoload
