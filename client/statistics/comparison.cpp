// SPDX-License-Identifier: MIT
#include "client/statistics/comparison.hpp"

#include "client/statistics/bootstrap.hpp"
#include "client/statistics/median.hpp"
#include "client/statistics/ranks.hpp"

#include <algorithm>
#include <cmath>

namespace echoload {

namespace {

constexpr double kMostRuns = 10'000;

Interval cover(const Interval& a, const Interval& b) {
    return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

} // namespace

Factor factor_of_samples(const std::vector<double>& a, const std::vector<double>& b) {
    return {ratio(median(a), median(b)),
            cover(bootstrap_ratio_of_medians(a, b), rank_sum_interval(a, b))};
}

Factor centre_of_sample(const std::vector<double>& values) {
    return {median(values), cover(bootstrap_median(values), signed_rank_interval(values))};
}

Factor factor_of_pairs(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> ratios(a.size());
    std::transform(a.begin(), a.end(), b.begin(), ratios.begin(), ratio);
    return centre_of_sample(ratios);
}

Decision decide(const Interval& interval, const Limit& limit) noexcept {
    // The bound nearest to the allowed side, and the one farthest from it, as distances beyond.
    const double nearest = limit.above ? interval.low - limit.value : limit.value - interval.high;
    const double farthest = limit.above ? interval.high - limit.value : limit.value - interval.low;
    if (limit.inclusive ? nearest >= 0 : nearest > 0) {
        return Decision::beyond;
    }
    return (limit.inclusive ? farthest < 0 : farthest <= 0) ? Decision::within
                                                            : Decision::undecided;
}

std::optional<std::size_t> more_runs(const Factor& factor, double limit, std::size_t runs) {
    const double bound = factor.estimate < limit ? factor.interval.high : factor.interval.low;
    const double distance = std::abs(std::log(limit / factor.estimate));
    const double width = std::abs(std::log(bound / factor.estimate));
    const double wanted = std::ceil(static_cast<double>(runs) * std::pow(width / distance, 2));
    if (!(wanted - static_cast<double>(runs) <= kMostRuns)) { // also what is no number
        return std::nullopt;
    }
    return std::max(static_cast<std::size_t>(wanted), runs + 1) - runs;
}

} // namespace echoload
