// SPDX-License-Identifier: MIT
#include "client/measure/address_use.hpp"

#include <algorithm>

namespace echoload {

void add_uses(std::vector<AddressUse>& sum, const std::vector<AddressUse>& part) {
    if (sum.empty()) {
        sum = part;
        return;
    }
    for (std::size_t i = 0; i < part.size() && i < sum.size(); ++i) {
        sum[i].up += part[i].up;
        sum[i].overtaken += part[i].overtaken;
        sum[i].echoed += part[i].echoed;
        sum[i].errors.merge(part[i].errors);
        sum[i].tally.merge(part[i].tally);
    }
}

std::vector<TargetUse> sum_by_target(const std::vector<AddressUse>& addresses) {
    std::vector<TargetUse> targets;
    for (const AddressUse& use : addresses) {
        const auto same =
            std::find_if(targets.begin(), targets.end(),
                         [&use](const TargetUse& target) { return target.target == use.target; });
        if (same != targets.end()) {
            same->tally.merge(use.tally);
        } else {
            targets.push_back({use.target, use.tally});
        }
    }
    return targets;
}

} // namespace echoload
