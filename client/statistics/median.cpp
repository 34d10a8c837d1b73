// SPDX-License-Identifier: MIT
#include "client/statistics/median.hpp"

#include <algorithm>
#include <limits>

namespace echoload {

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 != 0) {
        return *middle;
    }
    const double below = *std::max_element(values.begin(), middle);
    return below == *middle ? below : (below + *middle) / 2; // infinity is no sum
}

double ratio(double a, double b) noexcept {
    if (a == 0) {
        return b == 0 ? 1 : std::numeric_limits<double>::infinity();
    }
    return b / a;
}

} // namespace echoload
