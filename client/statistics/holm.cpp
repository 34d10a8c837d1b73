// SPDX-License-Identifier: MIT
#include "client/statistics/holm.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace echoload {

std::vector<double> holm(const std::vector<double>& p) {
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&p](std::size_t a, std::size_t b) { return p[a] < p[b]; });
    std::vector<double> corrected(p.size());
    double largest = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const double scaled = static_cast<double>(p.size() - i) * p[order[i]];
        largest = std::max(largest, std::min(1.0, scaled));
        corrected[order[i]] = largest;
    }
    return corrected;
}

} // namespace echoload
