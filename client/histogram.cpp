// SPDX-License-Identifier: MIT
#include "client/histogram.hpp"

#include <cmath>

namespace echoload {

namespace {

Duration to_duration(std::uint64_t ns) {
    return Duration(static_cast<std::int64_t>(ns));
}

} // namespace

Histogram::Histogram() : counts_(kBuckets) {
    static_assert(index_of(kLargest) == kBuckets - 1);
    static_assert(index_of(2 * kSub) == 2 * kSub && upper_edge(kBuckets - 1) == kLargest);
}

void Histogram::merge(const Histogram& other) noexcept {
    if (other.count_ == 0) {
        return;
    }
    const std::size_t last = index_of(std::min(other.max_, kLargest));
    for (std::size_t i = index_of(std::min(other.min_, kLargest)); i <= last; ++i) {
        counts_[i] += other.counts_[i];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

void Histogram::clear() noexcept {
    if (count_ == 0) {
        return;
    }
    const auto from = static_cast<std::ptrdiff_t>(index_of(std::min(min_, kLargest)));
    const auto to = static_cast<std::ptrdiff_t>(index_of(std::min(max_, kLargest)) + 1);
    std::fill(counts_.begin() + from, counts_.begin() + to, 0);
    count_ = 0;
    sum_ = 0;
    min_ = std::numeric_limits<std::uint64_t>::max();
    max_ = 0;
}

std::optional<Duration> Histogram::min() const noexcept {
    return count_ == 0 ? std::nullopt : std::optional(to_duration(min_));
}

std::optional<Duration> Histogram::max() const noexcept {
    return count_ == 0 ? std::nullopt : std::optional(to_duration(max_));
}

std::optional<Duration> Histogram::mean() const noexcept {
    return count_ == 0 ? std::nullopt
                       : std::optional(to_duration(static_cast<std::uint64_t>(sum_ / count_)));
}

std::optional<Duration> Histogram::percentile(double percent) const noexcept {
    if (count_ == 0) {
        return std::nullopt;
    }
    // Nearest rank: the smallest value with at least percent/100 of all at or below it. The
    // product can come out a hair above a whole number (99.9 is no binary fraction), and must not
    // then take the next rank.
    const double exact = percent / 100.0 * static_cast<double>(count_);
    const double rank = std::ceil(exact - 1e-9 * exact);
    const std::uint64_t wanted =
        std::clamp<std::uint64_t>(rank < 1 ? 1 : static_cast<std::uint64_t>(rank), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = index_of(std::min(min_, kLargest)); i < kBuckets; ++i) {
        seen += counts_[i];
        if (seen >= wanted) {
            return to_duration(std::min(upper_edge(i), max_));
        }
    }
    return to_duration(max_);
}

} // namespace echoload
