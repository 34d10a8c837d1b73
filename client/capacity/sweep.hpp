// SPDX-License-Identifier: MIT
// The points of a sweep, in the order of their runs, and what their runs came to. It knows no
// clock, socket or server.
#pragma once

#include "client/capacity/rate_search.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// The figures of a run that a search or a sweep reports, by their keys in the JSON: durations in
/// nanoseconds, shares from 0 to 1. Latencies are those that limits mean.
inline constexpr const char* kStepFigures[] = {
    "asked_per_s", "achieved_per_s", "messages_per_s", "errors_share", "mean_ns",
    "p50_ns",      "p90_ns",         "p99_ns",         "p99_9_ns",     "max_ns"};
enum class StepFigure : std::uint8_t {
    asked,
    achieved,
    messages,
    errors,
    mean,
    p50,
    p90,
    p99,
    p99_9,
    max,
};

/// Values in that order; one that was not measured is nothing.
struct StepFigures {
    std::array<std::optional<double>, std::size(kStepFigures)> values{};

    [[nodiscard]] std::optional<double>& operator[](StepFigure figure) noexcept {
        return values[static_cast<std::size_t>(figure)];
    }
    [[nodiscard]] const std::optional<double>& operator[](StepFigure figure) const noexcept {
        return values[static_cast<std::size_t>(figure)];
    }
};

/// `count` whole numbers from `first` to `last` at even intervals, without repetition.
[[nodiscard]] std::vector<double> even_points(double first, double last, std::uint32_t count);

/// Several runs at each of some points. All points have a run before any has the next, and every
/// second pass goes backwards, so that what changes meanwhile does not look like an effect of the
/// points.
class Sweep {
public:
    Sweep(std::size_t points, std::uint32_t runs) : runs_(runs), done_(points) {}

    /// The point of the next run; nothing where all are done.
    [[nodiscard]] std::optional<std::size_t> next() const noexcept;

    /// The run at that point is over.
    void add(std::size_t point, const StepFigures& figures, StepFinding finding);

    /// What the runs of a point came to.
    struct Point {
        std::uint32_t runs = 0;
        StepFigures median; ///< of each figure, over the runs that have it
        StepFinding finding =
            StepFinding::unmeasured; ///< of most runs; the later one of two equal ones
    };
    [[nodiscard]] Point at(std::size_t point) const;

private:
    struct Run {
        StepFigures figures;
        StepFinding finding;
    };

    std::uint32_t runs_;
    std::vector<std::vector<Run>> done_; ///< of each point
};

} // namespace echoload
