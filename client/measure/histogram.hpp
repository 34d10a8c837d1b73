// SPDX-License-Identifier: MIT
// Durations counted in constant memory, to three significant digits.
#pragma once

#include "base/clock.hpp"
#include "base/uint128.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace echoload {

using echod::Duration;

/// Allocates memory that is zero and takes no room before it is written: calloc(3) gets pages of
/// this size from the kernel.
template <class T>
struct Zeroed {
    using value_type = T; // NOLINT(readability-identifier-naming): the name that is required

    Zeroed() = default;
    template <class U>
    explicit Zeroed(const Zeroed<U>& /*other*/) noexcept {}

    [[nodiscard]] T* allocate(std::size_t count) {
        void* const memory = std::calloc(count, sizeof(T)); // NOLINT(cppcoreguidelines-no-malloc)
        if (memory == nullptr) {
            throw std::bad_alloc();
        }
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t /*count*/) noexcept {
        std::free(memory); // NOLINT(cppcoreguidelines-no-malloc)
    }

    /// A new element is zero already.
    template <class U>
    void construct(U* /*element*/) noexcept {}
    template <class U>
    void construct(U* element, const U& value) noexcept {
        *element = value;
    }

    [[nodiscard]] bool operator==(const Zeroed& /*other*/) const noexcept { return true; }
};

/// A log-linear histogram of durations. Each power of two is cut into 1,024 buckets of equal
/// width, so a bucket is never wider than 1/1,024 of the values in it; below 2,048 ns each
/// nanosecond has its own. Values range from 0 to 73 minutes; longer ones count as that.
///
/// A percentile is given as the largest value of its bucket (and never beyond the largest value
/// recorded): it is never below the true one and less than 0.1 % above it. Minimum, maximum, count
/// and mean are exact. At most 264 KiB, however much is recorded: 8 KiB for each power of two that
/// occurs.
class Histogram {
public:
    /// Durations that are counted as one: those above the upper edge of the previous bucket, up to
    /// that of this one.
    struct Bucket {
        std::uint64_t upper_edge = 0; ///< in nanoseconds
        std::uint64_t count = 0;
    };

    Histogram();

    /// The histogram with these figures: buckets() with min(), max() and sum(). Throws
    /// std::invalid_argument where no histogram can have them.
    [[nodiscard]] static Histogram restore(std::span<const Bucket> buckets, Duration min,
                                           Duration max, const std::string& sum);

    /// Counts one duration; a negative one counts as zero.
    void record(Duration duration) noexcept {
        const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
        ++counts_[index_of(std::min(ns, kLargest))];
        ++count_;
        sum_ += ns;
        min_ = std::min(min_, ns);
        max_ = std::max(max_, ns);
    }

    /// Counts `count` of the same duration.
    void record(Duration duration, std::uint64_t count) noexcept;

    /// Adds everything that `other` counted, without loss.
    void merge(const Histogram& other) noexcept;

    /// Removes all values; the cost is that of the range in use, not of the whole range.
    void clear() noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    /// Nothing where nothing was recorded; the same holds for those that follow.
    [[nodiscard]] std::optional<Duration> min() const noexcept;
    [[nodiscard]] std::optional<Duration> max() const noexcept;
    [[nodiscard]] std::optional<Duration> mean() const noexcept;

    /// The value that `percent` (above 0, to 100) of all values do not exceed, by nearest rank.
    [[nodiscard]] std::optional<Duration> percentile(double percent) const noexcept;

    /// The buckets that are not empty, in the order of their edges. With min(), max() and sum()
    /// they are the whole content of the histogram.
    [[nodiscard]] std::vector<Bucket> buckets() const;

    /// The sum of all, in nanoseconds: decimal digits, since it can be more than 64 bits.
    [[nodiscard]] std::string sum() const;

    /// Buckets of each power of two, and how many such rows there are; the first covers several.
    static constexpr unsigned kPerPower = 1024;
    static constexpr unsigned kPowers = 33;

private:
    static constexpr unsigned kSubBits = 10;
    static constexpr std::uint64_t kSub = 1U << kSubBits;
    static constexpr unsigned kBits = 42;
    static_assert(kPerPower == kSub && kPowers == kBits - kSubBits + 1);
    static constexpr std::uint64_t kLargest = (std::uint64_t{1} << kBits) - 1;
    static constexpr std::size_t kBuckets = (kBits - kSubBits + 1) * kSub;

    static constexpr std::size_t index_of(std::uint64_t ns) noexcept {
        if (ns < 2 * kSub) {
            return ns;
        }
        const auto shift = static_cast<unsigned>(std::bit_width(ns)) - (kSubBits + 1);
        return shift * kSub + (ns >> shift);
    }
    static constexpr std::uint64_t upper_edge(std::size_t index) noexcept {
        if (index < 2 * kSub) {
            return index;
        }
        const std::uint64_t shift = index / kSub - 1;
        return ((index - shift * kSub + 1) << shift) - 1;
    }

    std::vector<std::uint64_t, Zeroed<std::uint64_t>> counts_;
    std::uint64_t count_ = 0;
    echod::Uint128
        sum_; ///< 64 bits of nanoseconds overflow in a few hours of 10,000 busy connections
    std::uint64_t min_ = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t max_ = 0;
};

} // namespace echoload
