// SPDX-License-Identifier: MIT
// Conditions on the figures of a result, in the one grammar of --slo and --fail-if.
#pragma once

#include "base/clock.hpp"
#include "base/enum_names.hpp"
#include "client/measure/histogram.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echoload {

using echod::Duration;

/// A figure of a latency: a percentile, the minimum, the mean or the maximum.
struct LatencyFigure {
    enum class Kind : std::uint8_t { percentile, min, mean, max };
    Kind kind = Kind::percentile;
    double percent = 0; ///< of a percentile

    /// Reads "p50", "p99.9", "min", "mean" or "max"; nothing where the text is none of these.
    [[nodiscard]] static std::optional<LatencyFigure> parse(std::string_view text);

    /// The number of values from which on it can be estimated: one of them lies beyond a
    /// percentile.
    [[nodiscard]] std::uint64_t values_needed() const noexcept;

    /// Its value; nothing where nothing was recorded.
    [[nodiscard]] std::optional<Duration> of(const Histogram& histogram) const noexcept;
};

/// What a value of a figure counts.
enum class Unit : std::uint8_t {
    nanoseconds,
    per_second,       ///< messages
    bytes_per_second, ///< in each direction
    share,            ///< 0 to 1
    messages,
    outages,
};

/// A figure of a result.
struct Figure {
    std::string name;                     ///< as it was written
    std::string latency;                  ///< "service" of "service.p99", or empty
    std::optional<LatencyFigure> of_time; ///< of a latency; nothing for the others
    Unit unit = Unit::nanoseconds;

    /// Reads "rate", "bytes", "errors" (also "error-rate"), "lost", "outage" (the longest),
    /// "outages", or a figure of a latency, with or without one of the prefixes "response.",
    /// "service.", "connect.", "lag." and "interruption.". Returns nothing where the text is none
    /// of these.
    [[nodiscard]] static std::optional<Figure> parse(std::string_view text);

    /// Whether it is about outages, which are noted with --reconnect alone.
    [[nodiscard]] bool is_of_outages() const noexcept {
        return name == kLongestOutage || unit == Unit::outages || latency == kInterruption;
    }

    static constexpr std::string_view kLongestOutage = "outage";
    static constexpr std::string_view kInterruption = "interruption";
};

enum class Comparison : std::uint8_t { below, at_most, above, at_least };

/// "p99<5ms": a figure compared with a value.
struct Condition {
    std::string text; ///< as it was written
    Figure figure;
    Comparison comparison = Comparison::at_most;
    double value = 0;      ///< in the figure's unit, or in per cent of another result's figure
    bool relative = false; ///< whether it is that per cent: "p99>+10%"

    [[nodiscard]] bool holds(double measured) const noexcept;

    /// Whether a higher figure is worse: "<" and "<=".
    [[nodiscard]] bool is_upper_bound() const noexcept {
        return comparison == Comparison::below || comparison == Comparison::at_most;
    }

    /// What must hold of one result: "p99<5ms", "rate>=10k", "errors<0.1%", "lost<=0". "p99=5ms" is
    /// "p99<=5ms". Throws std::invalid_argument with the valid form.
    [[nodiscard]] static Condition parse_required(std::string_view text);

    /// What ends a run in which it holds: "p99>1s", "rate<100", "errors>1%". Not a figure of
    /// outages, which are known at the end only. Throws std::invalid_argument with the valid form.
    [[nodiscard]] static Condition parse_ending(std::string_view text);

    /// What must not hold of a result that is compared with another: also relative, "p99>+10%". A
    /// percentage is relative, but that of "errors" only where it has a sign. Throws
    /// std::invalid_argument with the valid form.
    [[nodiscard]] static Condition parse_refused(std::string_view text);
};

/// Reads "0.1%" as 0.001. Throws std::invalid_argument that says what is wrong.
[[nodiscard]] double parse_share(std::string_view text);

/// "0.1%", "0%", "12.5%".
[[nodiscard]] std::string format_share(double share);

/// A value as people read it, rounded: "1.23ms", "10,000/s", "1.23 MB/s", "0.1%", "3".
[[nodiscard]] std::string rounded_value(Unit unit, double value);

/// A value without loss, as a condition is written: "5ms", "10000/s", "0.1%", "3".
[[nodiscard]] std::string exact_value(Unit unit, double value);

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Unit> =
    echod::names_up_to<echoload::Unit::outages>({"ns", "messages_per_s", "bytes_per_s", "share",
                                                 "messages", "outages"});

template <>
inline constexpr auto echod::kEnumNames<echoload::Comparison> =
    echod::names_up_to<echoload::Comparison::at_least>({"<", "<=", ">", ">="});
