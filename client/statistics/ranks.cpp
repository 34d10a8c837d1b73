// SPDX-License-Identifier: MIT
#include "client/statistics/ranks.hpp"

#include "client/statistics/median.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace echoload {

namespace {

constexpr std::size_t kMostExact = 60;
constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kNormalQuantile = 1.959963984540054; // of 1 - kMissed / 2

// Twice the mean rank, which is a whole number, of each of `values`, which are sorted.
std::vector<std::size_t> doubled_ranks(const std::vector<double>& values) {
    std::vector<std::size_t> ranks(values.size());
    for (std::size_t first = 0; first < values.size();) {
        std::size_t end = first + 1;
        while (end < values.size() && values[end] == values[first]) {
            ++end;
        }
        std::fill(ranks.begin() + static_cast<std::ptrdiff_t>(first),
                  ranks.begin() + static_cast<std::ptrdiff_t>(end), first + end + 1);
        first = end;
    }
    return ranks;
}

// How many of the subsets of `size` of the ranks have each sum.
std::vector<double> count_sums(const std::vector<std::size_t>& ranks, std::size_t size) {
    const std::size_t largest = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
    std::vector<std::vector<double>> counts(size + 1, std::vector<double>(largest + 1));
    counts[0][0] = 1;
    for (const std::size_t rank : ranks) {
        for (std::size_t chosen = size; chosen >= 1; --chosen) {
            for (std::size_t sum = largest; sum >= rank; --sum) {
                counts[chosen][sum] += counts[chosen - 1][sum - rank];
            }
        }
    }
    return counts[size];
}

double exact_p(const std::vector<std::size_t>& ranks, std::size_t size, std::size_t sum) {
    const std::vector<double> counts = count_sums(ranks, size);
    const auto at = counts.begin() + static_cast<std::ptrdiff_t>(sum);
    const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
    const double below = std::accumulate(counts.begin(), at + 1, 0.0);
    const double above = std::accumulate(at, counts.end(), 0.0);
    return std::min(1.0, 2 * std::min(below, above) / all);
}

// The variance of the rank sum is that of drawing `size` ranks without putting any back.
double normal_p(const std::vector<std::size_t>& ranks, std::size_t size, std::size_t sum) {
    const auto count = static_cast<double>(ranks.size());
    const auto drawn = static_cast<double>(size);
    const double mean = (count + 1) / 2;
    double squares = 0;
    for (const std::size_t rank : ranks) {
        squares += std::pow(static_cast<double>(rank) / 2 - mean, 2);
    }
    const double variance = drawn * (count - drawn) / (count * (count - 1)) * squares;
    const double distance = std::abs(static_cast<double>(sum) / 2 - drawn * mean) - 0.5;
    return variance == 0 || distance <= 0 ? 1 : std::erfc(distance / std::sqrt(2 * variance));
}

// The first of the sorted candidates that belongs to the interval, from 1: the smallest value of
// the statistic that is reached with a probability of at least half of kMissed. 0: none does.
std::size_t first_inside(const std::vector<double>& counts) {
    const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
    const double level = kMissed / 2 * all;
    double below = 0;
    std::size_t first = 0;
    for (std::size_t i = 0; i < counts.size(); ++i, ++first) {
        below += counts[i];
        if (below > level) {
            break;
        }
    }
    return first;
}

// The same of the normal approximation.
std::size_t first_inside(double mean, double variance) {
    const double value = std::ceil(mean - kNormalQuantile * std::sqrt(variance) - 0.5);
    return static_cast<std::size_t>(std::max(value, 0.0));
}

Interval inside(std::vector<double> candidates, std::size_t first) {
    if (first == 0) {
        return {0, kInfinite};
    }
    const auto at = [&candidates](std::size_t index) {
        const auto place = candidates.begin() + static_cast<std::ptrdiff_t>(index);
        std::nth_element(candidates.begin(), place, candidates.end());
        return *place;
    };
    const double low = at(first - 1);
    return {low, at(candidates.size() - first)};
}

// The U of samples without equal values: how many pairs are in the other order.
std::size_t first_inside_of_rank_sums(std::size_t a, std::size_t b) {
    if (a + b > kMostExact) {
        const auto pairs = static_cast<double>(a * b);
        return first_inside(pairs / 2, pairs * static_cast<double>(a + b + 1) / 12);
    }
    std::vector<std::size_t> ranks(a + b);
    std::iota(ranks.begin(), ranks.end(), std::size_t{1});
    std::vector<double> counts = count_sums(ranks, a);
    counts.erase(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(a * (a + 1) / 2));
    return first_inside(counts);
}

std::size_t first_inside_of_signed_ranks(std::size_t count) {
    if (count > kMostExact) {
        const auto n = static_cast<double>(count);
        return first_inside(n * (n + 1) / 4, n * (n + 1) * (2 * n + 1) / 24);
    }
    std::vector<double> counts(count * (count + 1) / 2 + 1);
    counts[0] = 1;
    for (std::size_t rank = 1; rank <= count; ++rank) {
        for (std::size_t sum = counts.size() - 1; sum >= rank; --sum) {
            counts[sum] += counts[sum - rank];
        }
    }
    return first_inside(counts);
}

// The mean on the scale of logarithms; of 0 and infinity it is 1.
double geometric_mean(double a, double b) {
    if (a == b) {
        return a;
    }
    const double mean = std::sqrt(a) * std::sqrt(b);
    return std::isnan(mean) ? 1 : mean;
}

} // namespace

double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> all = a;
    all.insert(all.end(), b.begin(), b.end());
    std::sort(all.begin(), all.end());
    const std::vector<std::size_t> ranks = doubled_ranks(all);
    std::size_t sum = 0;
    for (const double value : a) {
        const auto place = std::lower_bound(all.begin(), all.end(), value) - all.begin();
        sum += ranks[static_cast<std::size_t>(place)];
    }
    return all.size() <= kMostExact ? exact_p(ranks, a.size(), sum)
                                    : normal_p(ranks, a.size(), sum);
}

Interval rank_sum_interval(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> ratios;
    ratios.reserve(a.size() * b.size());
    for (const double before : a) {
        for (const double after : b) {
            ratios.push_back(ratio(before, after));
        }
    }
    return inside(std::move(ratios), first_inside_of_rank_sums(a.size(), b.size()));
}

Interval signed_rank_interval(const std::vector<double>& ratios) {
    std::vector<double> means;
    means.reserve(ratios.size() * (ratios.size() + 1) / 2);
    for (std::size_t i = 0; i < ratios.size(); ++i) {
        for (std::size_t j = i; j < ratios.size(); ++j) {
            means.push_back(geometric_mean(ratios[i], ratios[j]));
        }
    }
    return inside(std::move(means), first_inside_of_signed_ranks(ratios.size()));
}

} // namespace echoload
