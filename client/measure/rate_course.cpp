// SPDX-License-Identifier: MIT
#include "client/measure/rate_course.hpp"

namespace echoload {

void RateCourse::merge(const RateCourse& other) noexcept {
    while (shift_ < other.shift_) {
        fold();
    }
    for (std::size_t i = 0; i < kBins; ++i) {
        bins_[i >> (shift_ - other.shift_)] += other.bins_[i];
    }
}

void RateCourse::cover(std::uint64_t ns) noexcept {
    while (ns >> shift_ >= kBins) {
        fold();
    }
}

void RateCourse::fold() noexcept {
    for (std::size_t i = 0; i < kBins / 2; ++i) {
        bins_[i] = bins_[2 * i] + bins_[2 * i + 1];
    }
    std::fill(bins_.begin() + kBins / 2, bins_.end(), 0);
    ++shift_;
}

} // namespace echoload
