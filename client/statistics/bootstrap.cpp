// SPDX-License-Identifier: MIT
#include "client/statistics/bootstrap.hpp"

#include "client/statistics/median.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>

namespace echoload {

namespace {

constexpr std::size_t kResamples = 2000;
constexpr std::uint64_t kBootstrapSeed = 20261122;

// Draws samples of the size of `values` and computes their medians. A sample is how often it has
// each of the sorted values, so that it needs no sorting.
class MedianOfDrawn {
public:
    explicit MedianOfDrawn(std::vector<double> values)
        : values_(std::move(values)), counts_(values_.size()) {
        std::sort(values_.begin(), values_.end());
    }

    // The distributions of <random> differ between libraries, its engines do not.
    double operator()(std::mt19937_64& random) {
        const std::size_t size = values_.size();
        std::fill(counts_.begin(), counts_.end(), 0);
        for (std::size_t i = 0; i < size; ++i) {
            ++counts_[((random() >> 32U) * size) >> 32U];
        }
        std::size_t at = 0;
        std::size_t up_to = counts_[0];
        const auto value_at = [&](std::size_t place) {
            while (up_to <= place) {
                up_to += counts_[++at];
            }
            return values_[at];
        };
        const double lower = value_at((size - 1) / 2);
        const double upper = value_at(size / 2);
        return lower == upper ? lower : (lower + upper) / 2; // infinity is no sum
    }

private:
    std::vector<double> values_;
    std::vector<std::size_t> counts_;
};

template <class Figure>
Interval percentile_interval(Figure figure) {
    std::mt19937_64 random(kBootstrapSeed); // NOLINT(cert-msc51-cpp): the same draws each time
    std::vector<double> figures(kResamples);
    for (double& value : figures) {
        value = figure(random);
    }
    std::sort(figures.begin(), figures.end());
    const auto outside = static_cast<std::size_t>(kMissed / 2 * kResamples);
    return {figures[outside], figures[kResamples - 1 - outside]};
}

} // namespace

Interval bootstrap_ratio_of_medians(const std::vector<double>& a, const std::vector<double>& b) {
    MedianOfDrawn of_a(a);
    MedianOfDrawn of_b(b);
    return percentile_interval([&](std::mt19937_64& random) {
        const double before = of_a(random);
        return ratio(before, of_b(random));
    });
}

Interval bootstrap_median(const std::vector<double>& ratios) {
    return percentile_interval(MedianOfDrawn(ratios));
}

} // namespace echoload
