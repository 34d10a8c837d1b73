// SPDX-License-Identifier: MIT
#include "client/report/html_chart.hpp"

#include "base/units.hpp"
#include "client/report/chart.hpp"
#include "client/report/figures.hpp"
#include "client/report/html_table.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace echoload {

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::string humanized(double ns) {
    return echod::humanize_duration(Duration(static_cast<std::int64_t>(ns)));
}

// The label of a tick, which is a round value: "500us", "1s".
std::string exact_duration(double ns) {
    return echod::format_duration(Duration(std::llround(ns)));
}

// Where one value is left of all, the curve ends.
Line curve(const TitledLatency& latency) {
    const Histogram& histogram = *latency.histogram;
    Line line{latency.title, {}};
    const double total = static_cast<double>(histogram.count());
    const double largest = static_cast<double>(histogram.max().value_or(Duration::zero()).count());
    double below = 0;
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
        const double value =
            std::max(1.0, std::min(static_cast<double>(bucket.upper_edge), largest));
        line.points.push_back({total / (total - below), value});
        below += static_cast<double>(bucket.count);
        line.points.push_back({total / std::max(1.0, total - below), value});
    }
    return line;
}

std::string percentile_label(double one_in) {
    const double left = 100 / one_in;
    const int decimals = std::max(0, static_cast<int>(std::lround(-std::log10(left))));
    return one_in < 1.5 ? "0 %" : fmt::format("{:.{}f} %", 100 - left, decimals);
}

// Up to the percentile at which one value in `one_in` is left.
Axis percentile_axis(double one_in) {
    Axis axis{1,
              one_in,
              true,
              {{1, percentile_label(1)}, {2, percentile_label(2)}},
              "percentile, each step a tenth of what is left"};
    for (std::uint64_t tick = 10; tick <= static_cast<std::uint64_t>(one_in); tick *= 10) {
        const auto place = static_cast<double>(tick);
        axis.ticks.push_back({place, percentile_label(place)});
    }
    return axis;
}

double ns_or_nothing(const std::optional<Duration>& duration) {
    return duration ? std::max(1.0, static_cast<double>(duration->count())) : kNothing;
}

Axis time_axis(Duration end) {
    Axis axis = linear_axis(echod::to_seconds(end), "seconds since the start",
                            [](double value) { return fmt::format("{:g}", value); });
    axis.high = std::max(echod::to_seconds(end), 1e-9);
    std::erase_if(axis.ticks, [&axis](const Tick& tick) { return tick.value > axis.high; });
    return axis;
}

// One interval has no course: it is drawn as a bar.
std::optional<double> bars_from(const std::vector<Timeline::Point>& points) {
    return points.size() == 1 ? std::optional(echod::to_seconds(points.front().from))
                              : std::nullopt;
}

double a_second(const Timeline::Point& point, std::uint64_t count) {
    const double length = echod::to_seconds(point.to - point.from);
    return length > 0 ? static_cast<double>(count) / length : 0;
}

double rate_of(const Timeline::Point& point) {
    return a_second(point, point.verified);
}

std::string tick_of_rate(double value) {
    return value < 1 ? fmt::format("{:g}", value) : whole_rate(value);
}

// Rates of each interval.
void write_rate_chart(std::string& html, Chart chart, const std::vector<Timeline::Point>& points,
                      const std::vector<double (*)(const Timeline::Point&)>& rates) {
    double highest = 0;
    for (const Timeline::Point& point : points) {
        for (std::size_t i = 0; i < rates.size(); ++i) {
            const double rate = rates[i](point);
            chart.lines[i].points.push_back({echod::to_seconds(point.to), rate});
            highest = std::max(highest, rate);
        }
    }
    chart.y = linear_axis(highest, "", tick_of_rate);
    chart.description = fmt::format("Over {:.3g} seconds, at most {:.0f} a second. The table below "
                                    "has the figures.",
                                    echod::to_seconds(points.back().to), highest);
    chart.bars_from = bars_from(points);
    write_chart(html, chart);
}

// Durations of each interval; no chart where none has one.
void write_duration_chart(
    std::string& html, Chart chart, const std::vector<Timeline::Point>& points,
    const std::vector<std::optional<Duration> Timeline::Point::*>& durations) {
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 0;
    for (const Timeline::Point& point : points) {
        for (std::size_t i = 0; i < durations.size(); ++i) {
            const double value = ns_or_nothing(point.*durations[i]);
            chart.lines[i].points.push_back({echod::to_seconds(point.to), value});
            if (point.*durations[i]) {
                smallest = std::min(smallest, value);
                largest = std::max(largest, value);
            }
        }
    }
    if (largest > 0) {
        chart.y = logarithmic_axis(smallest, largest, "", exact_duration);
        chart.description =
            fmt::format("Of each interval, {} to {}. The table below has the figures.",
                        humanized(smallest), humanized(largest));
        chart.bars_from = bars_from(points);
        write_chart(html, chart);
    }
}

void write_charts(std::string& html, const std::vector<Timeline::Point>& points,
                  const std::vector<Band>& outages) {
    using Point = Timeline::Point;
    const Axis time = time_axis(points.back().to);
    write_rate_chart(
        html, {"rate", "Messages a second", "", time, {}, {{"messages a second", {}}}, {}, outages},
        points, {rate_of});
    write_duration_chart(html,
                         {"course",
                          "Latency of each interval",
                          "",
                          time,
                          {},
                          {{"p50", {}}, {"p99", {}}, {"max", {}}},
                          {},
                          outages},
                         points, {&Point::p50, &Point::p99, &Point::max});
    const auto has_failed = [](const Point& point) { return point.errors + point.shed != 0; };
    if (std::any_of(points.begin(), points.end(), has_failed)) {
        write_rate_chart(html,
                         {"failures",
                          "Errors and shed messages a second",
                          "",
                          time,
                          {},
                          {{"errors", {}}, {"shed", {}}},
                          {},
                          outages},
                         points,
                         {[](const Point& point) { return a_second(point, point.errors); },
                          [](const Point& point) { return a_second(point, point.shed); }});
    }
    write_duration_chart(
        html, {"lag", "Schedule lag of each interval", "", time, {}, {{"p99", {}}}, {}, outages},
        points, {&Point::lag});
}

void write_timeline_table(std::string& html, const std::vector<Timeline::Point>& points) {
    html += "<details><summary>The figures of these charts</summary><div class=\"scroll\">"
            "<table id=\"timeline\"><thead><tr><th scope=\"col\">until</th>"
            "<th scope=\"col\">verified</th><th scope=\"col\">messages a second</th>"
            "<th scope=\"col\">p50</th><th scope=\"col\">p99</th><th scope=\"col\">max</th>"
            "<th scope=\"col\">open</th><th scope=\"col\">errors</th><th scope=\"col\">shed</th>"
            "<th scope=\"col\">lag p99</th></tr></thead><tbody>";
    for (const Timeline::Point& point : points) {
        fmt::format_to(
            Out(html),
            "<tr><th scope=\"row\">{:.2f} s</th><td>{}</td><td>{}</td><td>{}</td>"
            "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            echod::to_seconds(point.to), value_html("", point.verified),
            value_html("_per_s", rate_of(point)), value_html("_ns", ns_or_null(point.p50)),
            value_html("_ns", ns_or_null(point.p99)), value_html("_ns", ns_or_null(point.max)),
            value_html("", point.open), value_html("", point.errors), value_html("", point.shed),
            value_html("_ns", ns_or_null(point.lag)));
    }
    html += "</tbody></table></div></details>\n";
}

} // namespace

void write_chart(std::string& html, const Chart& chart) {
    fmt::format_to(Out(html), "<figure><figcaption>{}</figcaption>\n", escape(chart.title));
    if (chart.lines.size() > 1) {
        html += "<div class=\"legend\" aria-hidden=\"true\">";
        for (std::size_t i = 0; i < chart.lines.size(); ++i) {
            fmt::format_to(Out(html),
                           "<span><svg viewBox=\"0 0 28 10\"><path class=\"line line{}\" "
                           "d=\"M1 5H27\"/></svg>{}</span>",
                           i, escape(chart.lines[i].name));
        }
        html += "</div>\n";
    }
    html += "<div class=\"wide\">" + svg(chart, 900, 300) + "</div>\n<div class=\"narrow\">" +
            svg(chart, 360, 260) + "</div>\n</figure>\n";
}

void write_curves(std::string& html, const std::vector<TitledLatency>& latencies) {
    if (latencies.empty()) {
        return;
    }
    Chart chart;
    chart.id = "curve";
    chart.title = "Latency by percentile";
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 1;
    double one_in = 10;
    for (const TitledLatency& latency : latencies) {
        const Histogram& histogram = *latency.histogram;
        chart.lines.push_back(curve(latency));
        smallest = std::min(smallest, chart.lines.back().points.front().y);
        largest = std::max(largest, chart.lines.back().points.back().y);
        one_in = std::max(one_in, static_cast<double>(histogram.count()));
        chart.description += fmt::format("{}: p50 {}, p99 {}, max {}. ", latency.title,
                                         duration_or_dash(histogram.percentile(50)),
                                         duration_or_dash(histogram.percentile(99)),
                                         duration_or_dash(histogram.max()));
    }
    chart.description += "The table below has the figures.";
    chart.x = percentile_axis(one_in);
    chart.y = logarithmic_axis(smallest, largest, "", exact_duration);
    write_chart(html, chart);
}

void write_timeline(std::string& html, const Timeline& timeline, const std::vector<Band>& outages) {
    const std::vector<Timeline::Point>& points = timeline.points();
    if (points.empty()) {
        return;
    }
    html += "<h2>Course of the run</h2>\n";
    if (timeline.stride() > 1) {
        fmt::format_to(Out(html),
                       "<p class=\"soft\">Each point is {} intervals; of their percentiles it is "
                       "the highest.</p>\n",
                       timeline.stride());
    }
    if (!outages.empty()) {
        html += "<p class=\"soft\">Outages are shaded.</p>\n";
    }
    write_charts(html, points, outages);
    write_timeline_table(html, points);
}

} // namespace echoload
