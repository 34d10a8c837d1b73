// SPDX-License-Identifier: MIT
#include "client/measure/outage.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace echoload {

namespace {

// An outage with the loop that had it.
struct LoopOutage {
    std::size_t loop;
    const Outage* outage;
};

// Of one target, in the order of their beginning.
std::vector<LoopOutage> in_order(const std::vector<Outages>& loops) {
    std::vector<LoopOutage> all;
    for (std::size_t loop = 0; loop < loops.size(); ++loop) {
        for (const Outage& outage : loops[loop].list) {
            all.push_back({loop, &outage});
        }
    }
    std::sort(all.begin(), all.end(), [](const LoopOutage& a, const LoopOutage& b) {
        return std::tie(a.outage->target, a.outage->noticed, a.loop) <
               std::tie(b.outage->target, b.outage->noticed, b.loop);
    });
    return all;
}

// Of each loop its longest one counts; where none of the loops got a right echo is what these have
// in common.
void set_length(Outage& sum, const std::vector<LoopOutage>& parts) {
    std::vector<LoopOutage> longest;
    for (const LoopOutage& part : parts) {
        const auto same = std::find_if(longest.begin(), longest.end(), [&part](const auto& each) {
            return each.loop == part.loop;
        });
        if (same == longest.end()) {
            longest.push_back(part);
        } else if (part.outage->length() > same->outage->length()) {
            *same = part;
        }
    }
    sum.from = longest.front().outage->from;
    sum.to = longest.front().outage->to;
    for (const LoopOutage& part : longest) {
        sum.from = std::max(sum.from, part.outage->from);
        sum.to = std::min(sum.to, part.outage->to);
    }
    sum.to = std::max(sum.from, sum.to);
}

Outage sum_of(const std::vector<LoopOutage>& parts) {
    Outage sum = *parts.front().outage;
    for (auto part = parts.begin() + 1; part != parts.end(); ++part) {
        const Outage& outage = *part->outage;
        sum.over = sum.over || outage.over;
        sum.restored = sum.restored && outage.restored
                           ? std::optional(std::max(*sum.restored, *outage.restored))
                           : std::nullopt;
        sum.connections += outage.connections;
        sum.messages_lost += outage.messages_lost;
        sum.errors.merge(outage.errors);
    }
    set_length(sum, parts);
    return sum;
}

} // namespace

Duration Outage::end() const noexcept {
    return restored ? std::max(*restored, to) : Duration::max();
}

void Outages::add(Outage outage) {
    messages_lost += outage.messages_lost;
    if (list.size() < kListed) {
        list.push_back(std::move(outage));
        return;
    }
    ++not_listed;
    longest_not_listed = std::max(longest_not_listed, outage.length());
}

Duration Outages::longest() const noexcept {
    Duration longest = longest_not_listed;
    for (const Outage& outage : list) {
        longest = std::max(longest, outage.length());
    }
    return longest;
}

std::vector<Outage> merge_listed(const std::vector<Outages>& loops) {
    std::vector<Outage> merged;
    std::vector<LoopOutage> group;
    Duration group_end{};
    const auto end_group = [&] {
        if (!group.empty()) {
            merged.push_back(sum_of(group));
            group.clear();
        }
    };
    for (const LoopOutage& next : in_order(loops)) {
        const bool continues = !group.empty() &&
                               group.front().outage->target == next.outage->target &&
                               next.outage->noticed <= group_end;
        if (!continues) {
            end_group();
        }
        group_end = group.empty() ? next.outage->end() : std::max(group_end, next.outage->end());
        group.push_back(next);
    }
    end_group();
    std::stable_sort(merged.begin(), merged.end(),
                     [](const Outage& a, const Outage& b) { return a.noticed < b.noticed; });
    return merged;
}

Outages merge_outages(const std::vector<Outages>& loops) {
    Outages sum;
    for (Outage& outage : merge_listed(loops)) {
        sum.add(std::move(outage));
    }
    sum.messages_lost = 0;
    for (const Outages& loop : loops) {
        sum.not_listed += loop.not_listed;
        sum.longest_not_listed = std::max(sum.longest_not_listed, loop.longest_not_listed);
        sum.messages_lost += loop.messages_lost;
        sum.not_restored += loop.not_restored;
        sum.interruptions.merge(loop.interruptions);
    }
    return sum;
}

} // namespace echoload
