// SPDX-License-Identifier: MIT
// Gates: the limits on latency and errors that a run has to meet to pass.
#pragma once

#include "client/measure/tally.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// A figure of a latency that a limit or a comparison names: a percentile, the minimum, the mean
/// or the maximum.
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

/// The outcome of one gate.
struct GateResult {
    std::string name; ///< "p99", "error rate"
    bool passed = false;
    std::optional<double> measured; ///< in nanoseconds, or a share; without a value the gate fails
    double allowed = 0;             ///< in the same unit
    bool is_share = false;
    std::uint64_t values_needed = 0; ///< not 0: undecided, because there are fewer values than that
    std::uint64_t values = 0;        ///< then, how many there are

    [[nodiscard]] bool undecided() const noexcept { return values_needed != 0; }

    /// "passed", "failed" or "undecided".
    [[nodiscard]] const char* outcome() const noexcept {
        if (passed) {
            return "passed";
        }
        return undecided() ? "undecided" : "failed";
    }

    /// Measured and allowed as a person reads them; "-" where nothing was measured.
    [[nodiscard]] std::string measured_text() const;
    [[nodiscard]] std::string allowed_text() const;
};

/// The larger of two shares: of messages sent or due, those without a right echo, also where they
/// were never sent; of connections, those that could not be established or ended early, which few
/// messages show. Nothing where nothing was tried. A message in flight when the run was ended from
/// outside has not failed.
[[nodiscard]] std::optional<double> error_rate(const MessageCounts& messages,
                                               const ConnectionCounts& connections) noexcept;

/// Judges a run, of an open or a closed loop, by its gates, in the order in which they were given.
/// A percentile within its limit is undecided where no value lies beyond it: it is then the maximum
/// of too few values. One above the limit fails in any case.
[[nodiscard]] std::vector<GateResult> judge_gates(const Gates& gates, const Tally& tally,
                                                  bool open_loop);

} // namespace echoload
