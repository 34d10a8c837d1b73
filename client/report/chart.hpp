// SPDX-License-Identifier: MIT
// Line charts as inline SVG, drawn with the colours of the page that they stand in.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// `text` for HTML and XML, in an element or in a quoted attribute: characters with a meaning there
/// are escaped; control characters and bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string escape(std::string_view text);

struct Tick {
    double value = 0;
    std::string label;
};

/// From `low` to `high`, which differ; on a logarithmic one both are above 0.
struct Axis {
    double low = 0;
    double high = 1;
    bool logarithmic = false;
    std::vector<Tick> ticks;
    std::string label;

    /// Where `value` is between 0 (low) and 1 (high); held to these.
    [[nodiscard]] double place(double value) const noexcept;
};

/// A line; it breaks where a point is not a number.
struct Line {
    struct Point {
        double x = 0;
        double y = 0;
    };
    std::string name;
    std::vector<Point> points;
};

/// A part of the x axis that is shaded.
struct Band {
    double from = 0;
    double to = 0;
};

struct Chart {
    std::string id; ///< unique in the page
    std::string title;
    std::string description; ///< for readers who do not see it
    Axis x;
    Axis y;
    std::vector<Line> lines; ///< at most three: the page has three colours
    /// Draws each point as a bar that begins there and ends at the point.
    std::optional<double> bars_from{};
    std::vector<Band> bands{};
};

/// The chart as <svg> of that size in its own units, which the page scales.
[[nodiscard]] std::string svg(const Chart& chart, int width, int height);

/// A linear axis from 0 to a round number not below `largest`, with a handful of ticks; `text`
/// makes their labels.
[[nodiscard]] Axis linear_axis(double largest, std::string label,
                               const std::function<std::string(double)>& text);

/// A logarithmic axis that holds both, with ticks at 1, 2 and 5 times powers of ten, or at the
/// powers alone where these are enough. Both are above 0.
[[nodiscard]] Axis logarithmic_axis(double smallest, double largest, std::string label,
                                    const std::function<std::string(double)>& text);

} // namespace echoload
