// SPDX-License-Identifier: MIT
#include "client/measure/live_targets.hpp"

#include <algorithm>
#include <utility>

namespace echoload {

void LoopOutages::add(const Outage& outage) {
    if (ended.size() < Outages::kListed) {
        ended.push_back(outage);
    } else {
        leave_out({outage.target, 1, outage.length(), outage.length()});
    }
}

void LoopOutages::leave_out(const LeftOutOutages& outages) {
    const auto same = std::find_if(left_out.begin(), left_out.end(), [&outages](const auto& each) {
        return each.target == outages.target;
    });
    LeftOutOutages& all = same != left_out.end()
                              ? *same
                              : left_out.emplace_back(LeftOutOutages{outages.target, 0, {}, {}});
    all.count += outages.count;
    all.longest = std::max(all.longest, outages.longest);
    all.sum += outages.sum;
}

void LoopOutages::append(LoopOutages next) {
    for (const Outage& outage : next.ended) {
        add(outage);
    }
    for (const LeftOutOutages& outages : next.left_out) {
        leave_out(outages);
    }
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
    for (const LeftOutOutages& left_out : outages->left_out) {
        over_.not_listed += left_out.count;
        over_.longest_not_listed = std::max(over_.longest_not_listed, left_out.longest);
        Target& target = find(left_out.target);
        target.complete += left_out.count;
        target.complete_out += left_out.sum;
    }
    for (Target& target : targets_) {
        target.loops[loop].current.reset();
    }
    for (const Outage& outage : outages->ended) {
        find(outage.target).loops[loop].ended.push_back(outage);
    }
    for (const Outage& outage : outages->current) {
        find(outage.target).loops[loop].current = outage;
    }
}

void LiveTargets::end_loop(std::size_t loop) {
    for (Target& target : targets_) {
        target.loops[loop].open = 0;
        target.loops[loop].current.reset();
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
std::vector<Outage> LiveTargets::merged(const Target& target) {
    std::vector<Outages> loops;
    for (const LoopPart& part : target.loops) {
        Outages& loop = loops.emplace_back();
        loop.list = part.ended;
        if (part.current) {
            loop.list.push_back(*part.current);
        }
    }
    return merge_listed(loops);
}

void LiveTargets::update_outages(Target& target) {
    std::vector<Outage> over = merged(target);
    std::optional<Outage> lasting; // the last one: what began later is part of it
    if (std::any_of(target.loops.begin(), target.loops.end(),
                    [](const LoopPart& part) { return part.current.has_value(); })) {
        lasting = std::move(over.back());
        over.pop_back();
    }
    for (LoopPart& part : target.loops) {
        std::erase_if(part.ended, [&lasting](const Outage& outage) {
            return !lasting || outage.noticed < lasting->noticed;
        });
        part.ended.resize(std::min(part.ended.size(), Outages::kListed));
    }
    for (Outage& outage : over) {
        ++target.complete;
        target.complete_out += outage.length();
        over_.add(std::move(outage));
    }
    TargetState& state = target.state;
    state.outages = std::max(state.outages, target.complete + (lasting ? 1 : 0));
    state.out =
        std::max(state.out, target.complete_out + (lasting ? lasting->length() : Duration()));
    state.out_since = lasting ? std::optional(lasting->length()) : std::nullopt;
}

std::vector<TargetState> LiveTargets::states() const {
    std::vector<TargetState> states;
    states.reserve(targets_.size());
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
        for (Outage& outage : merged(target)) {
            all.add(std::move(outage));
        }
    }
    return all;
}

} // namespace echoload
