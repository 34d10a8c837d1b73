// SPDX-License-Identifier: MIT
#include "base/units.hpp"
#include "client/chart.hpp"
#include "client/report.hpp"
#include "client/report_html_style.hpp"
#include "client/report_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <limits>

// The page is made of the JSON, so that both have the same figures, and a section that the JSON
// gains is in the page as well. Each number stands in <data> with its exact value beside the
// rounded text. The page refers to nothing outside itself, and is well-formed XML too.

namespace echoload {

namespace {

using Out = std::back_insert_iterator<std::string>;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::string humanized(double ns) {
    return echod::humanize_duration(Duration(static_cast<std::int64_t>(ns)));
}

// For round values: "500us", "1s".
std::string exactly(double ns) {
    return echod::format_duration(Duration(std::llround(ns)));
}

// "timed_out" is "timed out", "p99_9_ns" is "p99.9": the unit stands in the value.
std::string title_of(std::string key) {
    for (const NamedPercentile& percentile : kPercentiles) {
        if (key == percentile.key) {
            return percentile.name;
        }
    }
    if (key.ends_with("_per_s")) {
        key.replace(key.size() - 6, 6, " a second");
    }
    for (const std::string_view unit : {"_ns", "_share", "_bytes", "_s"}) {
        // "echoed_bytes" stands beside "echoed", which are messages.
        if (key.ends_with(unit) && key != "echoed_bytes") {
            key.resize(key.size() - unit.size());
            break;
        }
    }
    std::replace(key.begin(), key.end(), '_', ' ');
    return key;
}

std::string number_text(const std::string& key, const Json& value) {
    const double number = value.get<double>();
    if (key == "bytes_per_s") {
        return byte_rate(number);
    }
    if (key.ends_with("_per_s")) {
        return group_digits(static_cast<std::uint64_t>(std::llround(std::max(number, 0.0))));
    }
    if (key.ends_with("_ns")) {
        return humanized(number);
    }
    if (key.ends_with("_s")) {
        return humanized(number * 1e9);
    }
    if (key.ends_with("_bytes")) {
        return byte_size(value.get<std::uint64_t>());
    }
    if (key.ends_with("_share")) {
        return format_share(number);
    }
    if (value.is_number_float()) {
        return fmt::format("{:g}", number);
    }
    return value.is_number_unsigned() && key != "seed" ? group_digits(value.get<std::uint64_t>())
                                                       : value.dump();
}

std::string value_text(const std::string& key, const Json& value) {
    if (value.is_null()) {
        return "\xe2\x80\x93"; // an en dash: no figure
    }
    if (value.is_number()) {
        return fmt::format("<data value=\"{}\">{}</data>", value.dump(),
                           escape(number_text(key, value)));
    }
    if (value.is_boolean()) {
        return value.get<bool>() ? "yes" : "no";
    }
    if (value.is_array()) {
        std::string text;
        for (const Json& each : value) {
            text += (text.empty() ? "" : ", ") + value_text(key, each);
        }
        return text;
    }
    return escape(value.is_string() ? value.get<std::string>() : value.dump());
}

bool is_table(const Json& json) {
    return json.is_array() && !json.empty() && json.front().is_object();
}

// An object's fields, one a row. What has fields of its own is another table.
void write_fields(std::string& text, const std::string& title, const Json& object) {
    fmt::format_to(Out(text), "<div class=\"scroll\"><table><caption>{}</caption><tbody>",
                   escape(title));
    for (const auto& item : object.items()) {
        if (!item.value().is_object() && !is_table(item.value())) {
            fmt::format_to(Out(text), "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
                           escape(title_of(item.key())), value_text(item.key(), item.value()));
        }
    }
    text += "</tbody></table></div>\n";
}

// A list of objects, one a row, with the fields of the first as columns. The "unit" of a gate is no
// column: its figures are shown in it.
void write_list(std::string& text, const std::string& title, const Json& list) {
    fmt::format_to(Out(text), "<div class=\"scroll list\"><table><caption>{}</caption><thead><tr>",
                   escape(title));
    std::vector<std::string> keys;
    for (const auto& item : list.front().items()) {
        if (item.key() != "unit") {
            keys.push_back(item.key());
            fmt::format_to(Out(text), "<th scope=\"col\">{}</th>", escape(title_of(item.key())));
        }
    }
    text += "</tr></thead><tbody>";
    for (const Json& row : list) {
        const std::string unit = row.value("unit", "");
        text += "<tr>";
        for (const std::string& key : keys) {
            const Json value = row.value(key, Json(nullptr));
            fmt::format_to(Out(text), "<td{}>{}</td>", value.is_number() ? "" : " class=\"text\"",
                           value_text(unit.empty() ? key : fmt::format("{}_{}", key, unit), value));
        }
        text += "</tr>";
    }
    text += "</tbody></table></div>\n";
}

// Of cohorts, which are members by their mode: a row each.
Json rows_of_cohorts(const Json& cohorts) {
    Json rows = Json::array();
    for (const auto& item : cohorts.items()) {
        Json row = {{"mode", item.key()}};
        row.update(item.value());
        rows.push_back(std::move(row));
    }
    return rows;
}

void write_section(std::string& text, const std::string& title, const Json& json) {
    if (is_table(json)) {
        write_list(text, title, json);
        return;
    }
    if (!json.is_object()) {
        return;
    }
    write_fields(text, title, json);
    for (const auto& item : json.items()) {
        if (item.value().is_object() || is_table(item.value())) {
            write_section(text, title + ": " + title_of(item.key()), item.value());
        }
    }
}

void write_chart(std::string& text, const Chart& chart) {
    fmt::format_to(Out(text), "<figure><figcaption>{}</figcaption>\n", escape(chart.title));
    if (chart.lines.size() > 1) {
        text += "<div class=\"legend\" aria-hidden=\"true\">";
        for (std::size_t i = 0; i < chart.lines.size(); ++i) {
            fmt::format_to(Out(text),
                           "<span><svg viewBox=\"0 0 28 10\"><path class=\"line line{}\" "
                           "d=\"M1 5H27\"/></svg>{}</span>",
                           i, escape(chart.lines[i].name));
        }
        text += "</div>\n";
    }
    text += "<div class=\"wide\">" + svg(chart, 900, 300) + "</div>\n<div class=\"narrow\">" +
            svg(chart, 360, 260) + "</div>\n</figure>\n";
}

std::vector<std::pair<std::string, const Json*>> latencies_of(const Json& result) {
    std::vector<std::pair<std::string, const Json*>> found;
    for (const auto& item : result.items()) {
        if (is_latency(item.value()) && item.value()["count"] != 0) {
            const bool is_service = item.key() == "latency" && !found.empty();
            found.emplace_back(is_service ? "service" : item.key(), &item.value());
        }
    }
    return found;
}

// Of `count` values the curve ends where one in `count` is left.
Line curve(const std::string& name, const Histogram& histogram) {
    Line line{name, {}};
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

void write_curve(std::string& text, const Json& result) {
    Chart chart;
    chart.id = "curve";
    chart.title = "Latency by percentile";
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 1;
    double one_in = 10;
    for (const auto& [key, latency] : latencies_of(result)) {
        if (key == "lag") {
            continue; // of the client itself, and often a thousand times shorter
        }
        const Histogram histogram = read_latency(*latency, key);
        chart.lines.push_back(curve(title_of(key), histogram));
        smallest = std::min(smallest, chart.lines.back().points.front().y);
        largest = std::max(largest, chart.lines.back().points.back().y);
        one_in = std::max(one_in, static_cast<double>(histogram.count()));
        chart.description += fmt::format(
            "{}: p50 {}, p99 {}, max {}. ", title_of(key), humanized((*latency)["p50_ns"]),
            humanized((*latency)["p99_ns"]), humanized((*latency)["max_ns"]));
    }
    if (chart.lines.empty()) {
        return;
    }
    chart.description += "The table below has the figures.";
    chart.x = {1,
               one_in,
               true,
               {{1, percentile_label(1)}, {2, percentile_label(2)}},
               "percentile, each step a tenth of what is left"};
    for (std::uint64_t tick = 10; tick <= static_cast<std::uint64_t>(one_in); tick *= 10) {
        const auto place = static_cast<double>(tick);
        chart.x.ticks.push_back({place, percentile_label(place)});
    }
    chart.y = logarithmic_axis(smallest, largest, "", exactly);
    write_chart(text, chart);
}

void write_latency_table(std::string& text, const Json& result) {
    const auto found = latencies_of(result);
    if (found.empty()) {
        text += "<p>Nothing was measured.</p>\n";
        return;
    }
    text += "<div class=\"scroll\"><table id=\"latencies\"><thead><tr><td></td>";
    for (const auto& [key, latency] : found) {
        fmt::format_to(Out(text), "<th scope=\"col\">{}</th>", escape(title_of(key)));
    }
    text += "</tr></thead><tbody>";
    for (const auto& item : found.front().second->items()) {
        if (item.key() == "histogram") {
            continue;
        }
        fmt::format_to(Out(text), "<tr><th scope=\"row\">{}</th>", escape(title_of(item.key())));
        for (const auto& [key, latency] : found) {
            fmt::format_to(Out(text), "<td>{}</td>",
                           value_text(item.key(), latency->value(item.key(), Json(nullptr))));
        }
        text += "</tr>";
    }
    text += "</tbody></table></div>\n";
}

double rate_of(const Timeline::Point& point) {
    const double length = echod::to_seconds(point.to - point.from);
    return length > 0 ? static_cast<double>(point.verified) / length : 0;
}

double ns_or_nothing(const std::optional<Duration>& duration) {
    return duration ? std::max(1.0, static_cast<double>(duration->count())) : kNothing;
}

void write_timeline_charts(std::string& text, const std::vector<Timeline::Point>& points) {
    Chart rate{"rate", "Messages a second", "", {}, {}, {{"messages a second", {}}}};
    Chart latency{"course", "Latency of each interval", "", {}, {}, {{"p50", {}}, {"p99", {}}}};
    double highest_rate = 0;
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 0;
    for (const Timeline::Point& point : points) {
        const double at = echod::to_seconds(point.to);
        rate.lines[0].points.push_back({at, rate_of(point)});
        highest_rate = std::max(highest_rate, rate_of(point));
        latency.lines[0].points.push_back({at, ns_or_nothing(point.p50)});
        latency.lines[1].points.push_back({at, ns_or_nothing(point.p99)});
        if (point.p50) {
            smallest = std::min(smallest, ns_or_nothing(point.p50));
            largest = std::max(largest, ns_or_nothing(point.p99));
        }
    }
    rate.x = linear_axis(echod::to_seconds(points.back().to), "seconds since the start",
                         [](double value) { return fmt::format("{:g}", value); });
    rate.x.high = std::max(echod::to_seconds(points.back().to), 1e-9);
    std::erase_if(rate.x.ticks, [&](const Tick& tick) { return tick.value > rate.x.high; });
    rate.y = linear_axis(highest_rate, "", [](double value) {
        return value < 1 ? fmt::format("{:g}", value)
                         : group_digits(static_cast<std::uint64_t>(std::llround(value)));
    });
    rate.description = fmt::format("Over {:.3g} seconds, at most {:.0f} a second. The table below "
                                   "has the figures.",
                                   echod::to_seconds(points.back().to), highest_rate);
    write_chart(text, rate);
    if (largest > 0) {
        latency.x = rate.x;
        latency.y = logarithmic_axis(smallest, largest, "", exactly);
        latency.description =
            fmt::format("p50 and p99 of each interval, {} to {}. The table below has the figures.",
                        humanized(smallest), humanized(largest));
        write_chart(text, latency);
    }
}

void write_timeline(std::string& text, const Timeline& timeline) {
    const std::vector<Timeline::Point>& points = timeline.points();
    if (points.empty()) {
        return;
    }
    text += "<h2>Course of the run</h2>\n";
    if (timeline.stride() > 1) {
        fmt::format_to(Out(text),
                       "<p class=\"soft\">Each point is {} intervals; of their percentiles it is "
                       "the highest.</p>\n",
                       timeline.stride());
    }
    write_timeline_charts(text, points);
    text += "<details><summary>The figures of both charts</summary><div class=\"scroll\">"
            "<table id=\"timeline\"><thead><tr><th scope=\"col\">until</th>"
            "<th scope=\"col\">verified</th><th scope=\"col\">messages a second</th>"
            "<th scope=\"col\">p50</th><th scope=\"col\">p99</th><th scope=\"col\">open</th>"
            "<th scope=\"col\">errors</th></tr></thead><tbody>";
    const auto ns = [](const std::optional<Duration>& duration) {
        return value_text("_ns", duration ? Json(duration->count()) : Json(nullptr));
    };
    for (const Timeline::Point& point : points) {
        fmt::format_to(Out(text),
                       "<tr><th scope=\"row\">{:.2f} s</th><td>{}</td><td>{}</td><td>{}</td>"
                       "<td>{}</td><td>{}</td><td>{}</td></tr>\n",
                       echod::to_seconds(point.to), value_text("", point.verified),
                       value_text("_per_s", rate_of(point)), ns(point.p50), ns(point.p99),
                       value_text("", point.open), value_text("", point.errors));
    }
    text += "</tbody></table></div></details>\n";
}

std::string_view what_was_right(const Json& asked) {
    for (const VerifyLevel level : {VerifyLevel::full, VerifyLevel::header, VerifyLevel::off}) {
        if (asked["verify"] == to_string(level)) {
            return what_was_right(level);
        }
    }
    return "every echo was right";
}

void write_verdict(std::string& text, const Json& result) {
    const Json& verdict = result["verdict"];
    const bool good = verdict["exit_code"] == 0;
    fmt::format_to(Out(text), "<div class=\"verdict {}\"><p><strong>Verdict: {}</strong> (exit {})",
                   good ? "good" : "bad", escape(verdict["outcome"].get<std::string>()),
                   verdict["exit_code"].get<int>());
    if (good) {
        fmt::format_to(Out(text), ": {}", what_was_right(result["asked"]));
    }
    text += "</p>";
    if (!verdict["reasons"].empty()) {
        text += "<ul>";
        for (const Json& reason : verdict["reasons"]) {
            text += "<li>" + escape(reason.get<std::string>()) + "</li>";
        }
        text += "</ul>";
    }
    text += "</div>\n";
}

void write_tiles(std::string& text, const Json& result) {
    text += "<dl class=\"tiles\">";
    const auto tile = [&text](const std::string& title, const std::string& key,
                              const Json& section) {
        fmt::format_to(Out(text), "<div><dt>{}</dt><dd>{}</dd></div>", escape(title),
                       value_text(key, section.is_object() ? section.value(key, Json(nullptr))
                                                           : Json(nullptr)));
    };
    tile("messages a second", "messages_per_s", result["rate"]);
    tile("each way", "bytes_per_s", result["rate"]);
    const auto found = latencies_of(result);
    if (!found.empty()) {
        for (const char* key : {"p50_ns", "p99_ns", "max_ns"}) {
            tile(title_of(found.front().first) + " " + title_of(key), key, *found.front().second);
        }
    }
    text += "</dl>\n";
}

void write_head(std::string& text, const Json& result) {
    const std::string targets = value_text("", result["asked"]["targets"]);
    fmt::format_to(Out(text),
                   "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
                   "<head><meta charset=\"utf-8\"/>"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
                   "<title>echoload: {0}</title><style>{1}</style></head>\n<body><main>\n"
                   "<h1>echoload</h1>\n<p>{2} loop, {3} connections to {0}</p>\n"
                   "<p class=\"soft\">{4}, seed {5}, echoload {6}</p>\n",
                   targets, kHtmlStyle, value_text("", result["asked"]["loop"]),
                   value_text("connections", result["asked"]["connections"]),
                   value_text("", result["started"]), value_text("seed", result["seed"]),
                   value_text("", result["version"]));
}

} // namespace

std::string html_report(std::string_view json, const Timeline& timeline) {
    const Json result = Json::parse(json);
    std::string text;
    write_head(text, result);
    write_verdict(text, result);
    write_tiles(text, result);
    if (const Json& limit = result["limit"]; limit.is_object()) {
        fmt::format_to(Out(text), "<p>Limited by: <strong>{}</strong>: {}</p>\n",
                       value_text("", limit["limited_by"]), value_text("", limit["reason"]));
    }
    write_section(text, "Gates", result["gates"]);
    text += "<h2>Latency</h2>\n";
    write_curve(text, result);
    write_latency_table(text, result);
    write_timeline(text, timeline);
    text += "<h2>All figures</h2>\n<div class=\"columns\">\n";
    write_section(text, "Asked", result["asked"]);
    for (const auto& item : result.items()) {
        if (item.key() != "asked" && item.key() != "verdict" && item.key() != "gates" &&
            item.key() != "limit" && !is_latency(item.value())) {
            std::string title = title_of(item.key());
            title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
            write_section(text, title,
                          item.key() == "abuse" && item.value().is_object()
                              ? rows_of_cohorts(item.value())
                              : item.value());
        }
    }
    text += "</div>\n</main></body></html>\n";
    return text;
}

} // namespace echoload
