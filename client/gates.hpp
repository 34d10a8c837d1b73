// SPDX-License-Identifier: MIT
// What a run has to keep to pass: limits on latency and on errors.
#pragma once

#include "client/tally.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// A figure of a latency that a limit or a comparison names: a percentile, or what is no
/// percentile.
struct LatencyFigure {
    enum class Kind : std::uint8_t { percentile, min, mean, max };
    Kind kind = Kind::percentile;
    double percent = 0; ///< of a percentile

    /// Reads "p50", "p99.9", "min", "mean" or "max"; nothing where the text is none of these.
    [[nodiscard]] static std::optional<LatencyFigure> parse(std::string_view text);

    /// Its value; nothing where nothing was recorded.
    [[nodiscard]] std::optional<Duration> of(const Histogram& histogram) const noexcept;
};

/// "p99=5ms": the figure may not be above the limit.
struct LatencyGate {
    std::string name; ///< the figure, as it was written
    LatencyFigure figure;
    Duration limit{};

    /// Throws std::invalid_argument that says what is wrong.
    [[nodiscard]] static LatencyGate parse(std::string_view text);
};

/// Reads "0.1%" as 0.001. Throws std::invalid_argument that says what is wrong.
[[nodiscard]] double parse_share(std::string_view text);

/// "0.1%", "0%", "12.5%".
[[nodiscard]] std::string format_share(double share);

/// All the limits of a run.
struct Gates {
    std::vector<LatencyGate> latency;
    std::optional<double> max_error_rate; ///< 0 to 1
};

/// How a run did at one gate.
struct GateResult {
    std::string name; ///< "p99", "error rate"
    bool passed = false;
    std::optional<double> measured; ///< in nanoseconds, or a share; nothing measured is no pass
    double allowed = 0;             ///< in the same unit
    bool is_share = false;

    /// Measured and allowed as a person reads them; "-" where nothing was measured.
    [[nodiscard]] std::string measured_text() const;
    [[nodiscard]] std::string allowed_text() const;
};

/// The part of what was tried that failed, the larger of two shares: of messages sent or due, those
/// without a right echo, also where they were never sent; of connections, those that could not be
/// made or ended early, which few messages show. Nothing where nothing was tried. What was in
/// flight when the run was ended from outside has not failed.
[[nodiscard]] std::optional<double> error_rate(const MessageCounts& messages,
                                               const ConnectionCounts& connections) noexcept;

/// Holds a run, with an open or a closed loop, to its gates, in the order in which they were given.
[[nodiscard]] std::vector<GateResult> judge_gates(const Gates& gates, const Tally& tally,
                                                  bool open_loop);

} // namespace echoload
