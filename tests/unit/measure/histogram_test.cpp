// SPDX-License-Identifier: MIT
#include "client/measure/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// The percentile by nearest rank, from the samples themselves.
Duration exact(const std::vector<std::int64_t>& sorted, int percent_times_100) {
    const std::size_t scaled = sorted.size() * static_cast<std::size_t>(percent_times_100);
    const std::size_t rank = std::max<std::size_t>((scaled + 9'999) / 10'000, 1);
    return Duration(sorted[rank - 1]);
}

void expect_close(const Histogram& histogram, std::vector<std::int64_t> samples) {
    std::sort(samples.begin(), samples.end());
    for (const int percent_times_100 : {1, 100, 5000, 9000, 9900, 9990, 9999, 10'000}) {
        const Duration truth = exact(samples, percent_times_100);
        const Duration found = *histogram.percentile(percent_times_100 / 100.0);
        EXPECT_GE(found, truth) << percent_times_100;
        EXPECT_LE(static_cast<double>(found.count()),
                  static_cast<double>(truth.count()) * (1 + 1.0 / 1024))
            << percent_times_100;
    }
    EXPECT_EQ(histogram.count(), samples.size());
    EXPECT_EQ(histogram.min()->count(), samples.front());
    EXPECT_EQ(histogram.max()->count(), samples.back());
}

} // namespace

TEST(Histogram, WithoutSamplesThereAreNoValues) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_FALSE(histogram.min() || histogram.max() || histogram.mean());
    EXPECT_FALSE(histogram.percentile(50));
}

TEST(Histogram, PercentilesOfRandomSamplesAreWithinTheErrorBound) {
    std::mt19937_64 random(1);
    for (const double sigma : {0.1, 1.0, 3.0}) {
        for (const std::size_t size : {1U, 2U, 99U, 100U, 101U, 20'000U}) {
            std::lognormal_distribution<double> law(11, sigma); // around 60 us
            Histogram histogram;
            std::vector<std::int64_t> samples;
            for (std::size_t i = 0; i < size; ++i) {
                samples.push_back(static_cast<std::int64_t>(std::min(law(random), 4e12)));
                histogram.record(Duration(samples.back()));
            }
            expect_close(histogram, samples);
        }
    }
}

TEST(Histogram, EveryMagnitudeFromNanosecondsToAnHourIsWithinTheErrorBound) {
    for (std::int64_t value = 1; value < 4'000'000'000'000; value = value * 5 / 4 + 1) {
        Histogram histogram;
        histogram.record(Duration(value));
        histogram.record(2h); // so that the percentile is not just the largest value
        const auto found = static_cast<double>(histogram.percentile(50)->count());
        EXPECT_GE(found, static_cast<double>(value));
        EXPECT_LE(found, static_cast<double>(value) * (1 + 1.0 / 1024)) << value;
    }
}

TEST(Histogram, BelowTwoMicrosecondsEachNanosecondHasABucket) {
    Histogram histogram;
    for (int i = 0; i < 2048; ++i) {
        histogram.record(Duration(i));
    }
    for (int i = 0; i < 2048; ++i) {
        EXPECT_EQ(histogram.percentile((i + 1) * 100.0 / 2048)->count(), i);
    }
}

TEST(Histogram, MinimumAndMaximumAreExactBeyondTheLastBucket) {
    Histogram histogram;
    histogram.record(100h);
    histogram.record(-5ns);
    EXPECT_EQ(histogram.max(), Duration(100h));
    EXPECT_EQ(histogram.min(), 0ns);
    EXPECT_EQ(histogram.percentile(50), 0ns);
    EXPECT_GE(histogram.percentile(100), Duration(73min));
}

TEST(Histogram, APercentileAtAWholeRankIsTheValueOfThatRank) {
    Histogram histogram;
    for (int i = 1; i <= 1000; ++i) {
        histogram.record(Duration(i));
    }
    EXPECT_EQ(histogram.percentile(99.9), 999ns); // 99.9 / 100 * 1000 is slightly above 999
    EXPECT_EQ(histogram.percentile(50), 500ns);
    EXPECT_EQ(histogram.percentile(0.1), 1ns);
    EXPECT_EQ(histogram.mean(), 500ns);
}

TEST(Histogram, MergedPartsEqualTheWhole) {
    std::mt19937_64 random(2);
    Histogram whole;
    Histogram parts[3];
    std::vector<std::int64_t> samples;
    for (int i = 0; i < 9000; ++i) {
        const auto value = static_cast<std::int64_t>(random() % 10'000'000);
        samples.push_back(value);
        whole.record(Duration(value));
        parts[i % 3].record(Duration(value));
    }
    Histogram sum;
    for (const Histogram& part : parts) {
        sum.merge(part);
    }
    sum.merge(Histogram());
    expect_close(sum, samples);
    EXPECT_EQ(sum.mean(), whole.mean());
    for (double percent = 0.5; percent <= 100; percent += 0.5) {
        EXPECT_EQ(sum.percentile(percent), whole.percentile(percent));
    }
}

TEST(Histogram, AClearedHistogramIsEmpty) {
    Histogram histogram;
    histogram.record(3h);
    histogram.record(1ns);
    histogram.record(1ms);
    histogram.clear();
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_FALSE(histogram.max());
    histogram.record(10ns);
    EXPECT_EQ(histogram.percentile(100), 10ns);
    EXPECT_EQ(histogram.percentile(1), 10ns);
}

TEST(Histogram, TheMeanOfLongDurationsDoesNotOverflow) {
    Histogram histogram;
    histogram.record(Duration::max());
    histogram.record(Duration::max());
    histogram.record(Duration::max());
    EXPECT_EQ(histogram.mean(), Duration::max());
}

TEST(Histogram, AHistogramIsRestoredFromItsBucketsAndSum) {
    Histogram original;
    for (std::int64_t ns = 0; ns < 4'000'000'000; ns = ns * 5 / 4 + 1) {
        original.record(Duration(ns));
    }
    original.record(std::chrono::hours(2)); // beyond the last edge
    const Histogram again =
        Histogram::restore(original.buckets(), *original.min(), *original.max(), original.sum());
    EXPECT_EQ(again.count(), original.count());
    EXPECT_EQ(again.mean(), original.mean());
    EXPECT_EQ(again.max(), original.max());
    for (const double percent : {0.1, 10.0, 50.0, 99.0, 99.99, 100.0}) {
        EXPECT_EQ(again.percentile(percent), original.percentile(percent)) << percent;
    }
    EXPECT_EQ(Histogram().sum(), "0");
    EXPECT_EQ(Histogram::restore({}, Duration(0), Duration(0), "0").count(), 0U);
}

TEST(Histogram, ASumOfMoreThan64BitsIsExact) {
    Histogram histogram;
    for (int i = 0; i < 10; ++i) {
        histogram.record(Duration::max());
    }
    EXPECT_EQ(histogram.sum(), "92233720368547758070");
    EXPECT_EQ(
        Histogram::restore(histogram.buckets(), *histogram.min(), *histogram.max(), histogram.sum())
            .sum(),
        histogram.sum());
}

TEST(Histogram, BucketsThatNoHistogramHasAreRefused) {
    using Bucket = Histogram::Bucket;
    const auto refused = [](Bucket bucket, Duration min, Duration max, const char* sum) {
        EXPECT_THROW((void)Histogram::restore(std::vector{bucket}, min, max, sum),
                     std::invalid_argument)
            << bucket.upper_edge << " " << sum;
    };
    refused({4096, 1}, Duration(4096), Duration(4096), "4096"); // the edge is 4099
    refused({~std::uint64_t{0}, 1}, Duration(1), Duration(1), "1");
    refused({7, 1}, Duration(6), Duration(7), "7");
    refused({7, 1}, Duration(7), Duration(8), "7");
    refused({7, 1}, Duration(-7), Duration(7), "7");
    refused({7, 1}, Duration(7), Duration(7), "seven");
    refused({7, 1}, Duration(7), Duration(7), "");
}
