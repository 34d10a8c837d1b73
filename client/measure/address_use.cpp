// SPDX-License-Identifier: MIT
#include "client/measure/address_use.hpp"

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
    }
}

} // namespace echoload
