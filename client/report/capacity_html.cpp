// SPDX-License-Identifier: MIT
#include "base/units.hpp"
#include "client/report/capacity.hpp"
#include "client/report/figures.hpp"
#include "client/report/html_chart.hpp"
#include "client/report/html_style.hpp"
#include "client/report/html_table.hpp"
#include "client/report/stored_result.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

// The page of a search or a sweep: the answer, latency over rate (or connections), and the figures
// of all runs. It is made of the JSON's rows, and refers to nothing outside itself.

namespace echoload {

namespace {

struct PlottedPoint {
    double at = 0;
    StepFigures median;
};

// In the order of the points; the runs of one are a point.
std::vector<PlottedPoint> plotted_points(const CapacityReport& report) {
    std::map<double, std::vector<const CapacityStep*>> runs;
    for (const CapacityStep& step : report.steps) {
        runs[step.point].push_back(&step);
    }
    std::vector<PlottedPoint> points;
    for (const auto& [at, steps] : runs) {
        Sweep one(1, static_cast<std::uint32_t>(steps.size()));
        for (const CapacityStep* step : steps) {
            one.add(0, step->figures, step->finding);
        }
        points.push_back({at, one.at(0).median});
    }
    return points;
}

std::string label_of_number(double value) {
    return whole_rate(value);
}

std::string label_of_duration(double ns) {
    return echod::format_duration(Duration(std::llround(ns)));
}

Line line_of(const std::vector<PlottedPoint>& points, const char* name, StepFigure figure) {
    Line line{name, {}};
    for (const PlottedPoint& point : points) {
        line.points.push_back(
            {point.at, point.median[figure].value_or(std::numeric_limits<double>::quiet_NaN())});
    }
    return line;
}

// The lowest, above 0, and the highest of the lines; nothing where they have no point.
std::optional<std::pair<double, double>> bounds_of(const std::vector<Line>& lines) {
    std::optional<std::pair<double, double>> bounds;
    for (const Line& line : lines) {
        for (const Line::Point& point : line.points) {
            if (point.y > 0) {
                bounds = bounds ? std::pair(std::min(bounds->first, point.y),
                                            std::max(bounds->second, point.y))
                                : std::pair(point.y, point.y);
            }
        }
    }
    return bounds;
}

void write_capacity_charts(std::string& html, const CapacityReport& report) {
    const std::vector<PlottedPoint> points = plotted_points(report);
    if (points.size() < 2) {
        return; // one point has no line
    }
    const char* const what = report.of_rate ? "requested messages a second" : "connections";
    const Axis x =
        report.answer ? logarithmic_axis(points.front().at, points.back().at, what, label_of_number)
                      : linear_axis(points.back().at, what, label_of_number);
    Chart latency{"latency",
                  report.of_rate ? "Latency over rate" : "Latency over connections",
                  "The table below has the figures.",
                  x,
                  {},
                  {line_of(points, "p50", StepFigure::p50), line_of(points, "p99", StepFigure::p99),
                   line_of(points, "max", StepFigure::max)}};
    if (const auto bounds = bounds_of(latency.lines)) {
        latency.y = logarithmic_axis(bounds->first, bounds->second, "", label_of_duration);
        write_chart(html, latency);
    }
    Chart rate{"answered",
               "Messages answered a second",
               "The table below has the figures.",
               x,
               {},
               {line_of(points, "answered", StepFigure::messages)}};
    if (const auto bounds = bounds_of(rate.lines)) {
        rate.y = linear_axis(bounds->second, "", label_of_number);
        write_chart(html, rate);
    }
}

void write_capacity_head(std::string& html, const CapacityReport& report) {
    const std::string targets = escape(joined(targets_of(report.requested), ", "));
    fmt::format_to(Out(html),
                   "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
                   "<head><meta charset=\"utf-8\"/>"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
                   "<title>echoload {0}: {1}</title><style>{2}</style></head>\n<body><main>\n"
                   "<h1>echoload {0}</h1>\n<p>{3} to {1}{4}</p>\n"
                   "<p class=\"soft\">{5}, seed {6}, echoload {7}</p>\n",
                   report.command, targets, kHtmlStyle,
                   report.of_rate ? "Rates" : "Numbers of connections",
                   report.conditions.empty() ? "" : ", must hold: " + escape(report.conditions),
                   escape(report.started), report.seed, ECHOD_VERSION);
    const bool good = report.verdict.outcome == Outcome::ok;
    fmt::format_to(
        Out(html), "<div class=\"verdict {}\"><p><strong>Verdict: {}</strong> (exit {})</p><ul>",
        good ? "good" : "bad", echod::enum_name(report.verdict.outcome), report.verdict.exit_code);
    for (const std::string& reason : report.verdict.reasons) {
        html += "<li>" + escape(reason) + "</li>";
    }
    html += report.verdict.reasons.empty() ? "<li>all points were run</li></ul></div>\n"
                                           : "</ul></div>\n";
}

} // namespace

std::string capacity_html(const CapacityReport& report) {
    std::string html;
    const Json json = capacity_json(report);
    write_capacity_head(html, report);
    write_section(html, "Answer", json["answer"]);
    write_capacity_charts(html, report);
    write_section(html, "Points", json["points"]);
    write_section(html, "Runs", json["steps"]);
    html += "<div class=\"columns\">\n";
    write_section(html, "Settings", json["settings"]);
    write_section(html, "Requested", json["asked"]);
    html += "</div>\n</main></body></html>\n";
    return html;
}

} // namespace echoload
