// SPDX-License-Identifier: MIT
#include "client/measure/histogram.hpp"

#include <cmath>
#include <stdexcept>

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

void Histogram::record(Duration duration, std::uint64_t count) noexcept {
    if (count != 0) {
        record(duration);
        const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
        counts_[index_of(std::min(ns, kLargest))] += count - 1;
        count_ += count - 1;
        sum_ += echod::Uint128::product(ns, count - 1);
    }
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
    if (count_ == 0) {
        return std::nullopt;
    }
    echod::Uint128 mean = sum_;
    (void)mean.divide(count_);
    return to_duration(mean.low());
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

Histogram Histogram::restore(std::span<const Bucket> buckets, Duration min, Duration max,
                             const std::string& sum) {
    Histogram histogram;
    for (const Bucket& bucket : buckets) {
        if (bucket.upper_edge > kLargest ||
            upper_edge(index_of(bucket.upper_edge)) != bucket.upper_edge) {
            throw std::invalid_argument(std::to_string(bucket.upper_edge) +
                                        " is no upper edge of a bucket");
        }
        histogram.counts_[index_of(bucket.upper_edge)] += bucket.count;
        histogram.count_ += bucket.count;
    }
    if (histogram.count_ == 0) {
        return {};
    }
    const auto place = [](Duration value) {
        return index_of(std::min(static_cast<std::uint64_t>(value.count()), kLargest));
    };
    if (min < Duration::zero() || max < min || histogram.counts_[place(min)] == 0 ||
        histogram.counts_[place(max)] == 0) {
        throw std::invalid_argument("minimum and maximum are in no bucket");
    }
    if (sum.empty() || sum.size() > 30 || sum.find_first_not_of("0123456789") != sum.npos) {
        throw std::invalid_argument("the sum must be up to 30 digits");
    }
    for (const char digit : sum) {
        histogram.sum_ *= 10;
        histogram.sum_ += static_cast<std::uint64_t>(digit - '0');
    }
    histogram.min_ = static_cast<std::uint64_t>(min.count());
    histogram.max_ = static_cast<std::uint64_t>(max.count());
    return histogram;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
    std::vector<Bucket> filled;
    for (std::size_t i = 0; i < kBuckets; ++i) {
        if (counts_[i] != 0) {
            filled.push_back({upper_edge(i), counts_[i]});
        }
    }
    return filled;
}

std::string Histogram::sum() const {
    std::string digits;
    for (echod::Uint128 rest = sum_; rest != 0 || digits.empty();) {
        digits.insert(digits.begin(), static_cast<char>('0' + rest.divide(10)));
    }
    return digits;
}

} // namespace echoload
