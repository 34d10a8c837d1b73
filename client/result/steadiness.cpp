// SPDX-License-Identifier: MIT
#include "client/result/steadiness.hpp"

#include <chrono>
#include <cmath>
#include <span>

namespace echoload {

namespace {

constexpr Duration kShortest = std::chrono::seconds(1);
constexpr double kLeastChange = 0.1;
constexpr double kStandardErrors = 3;

// Rates of equal parts of the time.
struct Sample {
    double mean = 0;
    double variance = 0; ///< of one part
};

Sample sample_of(std::span<const std::uint64_t> counts, double seconds) {
    Sample sample;
    const auto size = static_cast<double>(counts.size());
    for (const std::uint64_t count : counts) {
        sample.mean += static_cast<double>(count) / seconds / size;
    }
    for (const std::uint64_t count : counts) {
        const double distance = static_cast<double>(count) / seconds - sample.mean;
        sample.variance += distance * distance / (size - 1);
    }
    return sample;
}

} // namespace

std::optional<Steadiness> find_steadiness(RateCourse course, Duration window) {
    if (window < kShortest) {
        return std::nullopt;
    }
    course.cover(static_cast<std::uint64_t>(window.count())); // also where nothing came at its end
    const auto whole = static_cast<std::size_t>(window / course.width());
    const std::size_t third = whole / 3;
    const double seconds = echod::to_seconds(course.width());
    const Sample first = sample_of(course.bins().first(third), seconds);
    const Sample last = sample_of(course.bins().subspan(whole - third, third), seconds);
    Steadiness steadiness{first.mean, last.mean};
    const double error = std::sqrt((first.variance + last.variance) / static_cast<double>(third));
    const double difference = std::abs(last.mean - first.mean);
    steadiness.steady =
        difference <= kLeastChange * first.mean || difference <= kStandardErrors * error;
    return steadiness;
}

} // namespace echoload
