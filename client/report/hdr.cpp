// SPDX-License-Identifier: MIT
#include "client/report/hdr.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace echoload {

namespace {

// Rows for each halving of what is left to 100 %, as HdrHistogram's own tools write them.
constexpr double kTicksPerHalf = 5;

double next_level(double level) {
    const double halvings = std::floor(std::log2(100 / (100 - level))) + 1;
    return level + 100 / (kTicksPerHalf * std::exp2(halvings));
}

double milliseconds(double ns) {
    return ns / 1e6;
}

// From the buckets, each value at its bucket's edge: less than 0.1 % from the exact one.
double standard_deviation(const Histogram& histogram, double mean) {
    double squares = 0;
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
        const double distance = static_cast<double>(bucket.upper_edge) - mean;
        squares += distance * distance * static_cast<double>(bucket.count);
    }
    return std::sqrt(squares / static_cast<double>(histogram.count()));
}

} // namespace

std::string hdr_text(const Histogram& histogram) {
    std::string text;
    auto out = std::back_inserter(text);
    fmt::format_to(out, "{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount",
                   "1/(1-Percentile)");
    const double total = static_cast<double>(histogram.count());
    const double largest = static_cast<double>(histogram.max().value_or(Duration::zero()).count());
    std::uint64_t seen = 0;
    double level = 0;
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
        seen += bucket.count;
        const double value = std::min(static_cast<double>(bucket.upper_edge), largest);
        const double reached = static_cast<double>(seen) / total * 100;
        for (; level <= reached && (seen < histogram.count() || level == 0);
             level = next_level(level)) {
            fmt::format_to(out, "{:12.6f} {:2.12f} {:10} {:14.2f}\n", milliseconds(value),
                           level / 100, seen, 1 / (1 - level / 100));
        }
        if (seen == histogram.count()) {
            fmt::format_to(out, "{:12.6f} {:2.12f} {:10} {:>14}\n", milliseconds(largest), 1.0,
                           seen, "inf");
        }
    }
    const double mean = static_cast<double>(histogram.mean().value_or(Duration::zero()).count());
    const double deviation = histogram.count() == 0 ? 0 : standard_deviation(histogram, mean);
    fmt::format_to(out, "#[Mean    = {:12.6f}, StdDeviation   = {:12.6f}]\n", milliseconds(mean),
                   milliseconds(deviation));
    fmt::format_to(out, "#[Max     = {:12.6f}, Total count    = {:12}]\n", milliseconds(largest),
                   histogram.count());
    fmt::format_to(out, "#[Buckets = {:12}, SubBuckets     = {:12}]\n", Histogram::kPowers,
                   Histogram::kPerPower);
    return text;
}

} // namespace echoload
