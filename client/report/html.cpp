// SPDX-License-Identifier: MIT
#include "client/report/html.hpp"

#include "client/report/chart.hpp"
#include "client/report/figures.hpp"
#include "client/report/html_chart.hpp"
#include "client/report/html_style.hpp"
#include "client/report/html_table.hpp"
#include "client/report/latency_json.hpp"
#include "client/report/stages.hpp"
#include "client/report/text_lines.hpp"
#include "client/report/text_request.hpp"
#include "client/result/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

// The page is made of the run's result. Its tables walk the same sections as the JSON, so that both
// have the same figures, and a figure that the JSON gains is in the page as well. Each number
// stands in <data> with its exact value beside the rounded text. The page refers to nothing outside
// itself, and is well-formed XML too.

namespace echoload {

namespace {

// A latency of which something was measured. The first of them is that of limits and comparisons.
struct MeasuredLatency {
    const char* key; ///< of its object in the JSON
    const StoredLatency* latency;
};

std::vector<MeasuredLatency> measured_latencies(const StoredResult& result) {
    std::vector<MeasuredLatency> found;
    for (const char* key : kLatencyKeys) {
        const StoredLatency* const latency = result.find_latency(key);
        if (latency != nullptr && latency->histogram.count() != 0) {
            found.push_back({key, latency});
        }
    }
    return found;
}

// Beside a response time, "latency" is the service time.
std::string latency_title(const MeasuredLatency& latency, const MeasuredLatency& first) {
    const std::string key = latency.key;
    return key == "latency" && latency.key != first.key ? "service" : title_of(key);
}

void write_head(std::string& html, const StoredResult& result) {
    const Json& requested = result.requested;
    const std::string targets = escape(joined(targets_of(requested), ", "));
    fmt::format_to(Out(html),
                   "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
                   "<head><meta charset=\"utf-8\"/>"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
                   "<title>echoload: {0}</title><style>{1}</style></head>\n<body><main>\n"
                   "<h1>echoload</h1>\n<p>{2} loop, {3} connections to {0}</p>\n"
                   "<p class=\"soft\">{4}, seed {5}, echoload {6}</p>\n",
                   targets, kHtmlStyle, escape(loop_of(requested)),
                   value_html("connections", requested.value("connections", Json())),
                   escape(result.started.value_or("")), value_html("seed", result.seed),
                   value_html("version", result.version));
}

void write_verdict(std::string& html, const StoredVerdict& verdict, const Json& requested) {
    const bool good = verdict.outcome == echod::enum_name(Outcome::ok);
    fmt::format_to(Out(html), "<div class=\"verdict {}\"><p><strong>Verdict: {}</strong> (exit {})",
                   good ? "good" : "bad", escape(verdict.outcome), verdict.exit_code);
    if (good) {
        fmt::format_to(Out(html), ": {}", what_was_right(requested));
    }
    html += "</p>";
    if (!verdict.reasons.empty()) {
        html += "<ul>";
        for (const std::string& reason : verdict.reasons) {
            html += "<li>" + escape(reason) + "</li>";
        }
        html += "</ul>";
    }
    html += "</div>\n";
}

void write_tiles(std::string& html, const StoredRate& rate,
                 const std::vector<MeasuredLatency>& measured) {
    html += "<dl class=\"tiles\">";
    const auto tile = [&html](const std::string& title, const std::string& key, const Json& value) {
        fmt::format_to(Out(html), "<div><dt>{}</dt><dd>{}</dd></div>", escape(title),
                       value_html(key, value));
    };
    tile("messages a second", "messages_per_s", or_null(rate.messages_per_s));
    tile("each way", "bytes_per_s", or_null(rate.bytes_per_s));
    if (!measured.empty()) {
        const MeasuredLatency& first = measured.front();
        const Json figures = latency_figures(first.latency->histogram);
        for (const char* key : {"p50_ns", "p99_ns", "max_ns"}) {
            tile(latency_title(first, first) + " " + title_of(key), key, figures[key]);
        }
    }
    html += "</dl>\n";
}

void write_latency_table(std::string& html, const std::vector<MeasuredLatency>& measured) {
    if (measured.empty()) {
        html += "<p>Nothing was measured.</p>\n";
        return;
    }
    html += "<div class=\"scroll\"><table id=\"latencies\"><thead><tr><td></td>";
    std::vector<Json> columns;
    for (const MeasuredLatency& latency : measured) {
        fmt::format_to(Out(html), "<th scope=\"col\">{}</th>",
                       escape(latency_title(latency, measured.front())));
        columns.push_back({{"loop", latency.latency->loop}});
        columns.back().update(latency_figures(latency.latency->histogram));
    }
    html += "</tr></thead><tbody>";
    for (const auto& item : columns.front().items()) {
        fmt::format_to(Out(html), "<tr><th scope=\"row\">{}</th>", escape(title_of(item.key())));
        for (const Json& column : columns) {
            fmt::format_to(Out(html), "<td>{}</td>", value_html(item.key(), column[item.key()]));
        }
        html += "</tr>";
    }
    html += "</tbody></table></div>\n";
}

void write_latencies(std::string& html, const std::vector<MeasuredLatency>& measured) {
    html += "<h2>Latency</h2>\n";
    std::vector<TitledLatency> curves;
    for (const MeasuredLatency& latency : measured) {
        // The lag is the client's own, and often a thousand times shorter; interruptions are few.
        if (std::string_view(latency.key) != "lag" &&
            std::string_view(latency.key) != "interruption") {
            curves.push_back(
                {latency_title(latency, measured.front()), &latency.latency->histogram});
        }
    }
    write_curves(html, curves);
    write_latency_table(html, measured);
}

std::vector<Band> bands_of(const Json& outages) {
    std::vector<Band> bands;
    for (const Json& outage : outages) {
        const double from = value_at<double>(outage, "from_s").value_or(0);
        bands.push_back({from, from + value_at<double>(outage, "length_s").value_or(0)});
    }
    return bands;
}

// Cohorts are members by their mode: a row each.
Json rows_of_cohorts(const Json& cohorts) {
    Json rows = Json::array();
    for (const auto& item : cohorts.items()) {
        Json row = {{"mode", item.key()}};
        row.update(item.value());
        rows.push_back(std::move(row));
    }
    return rows;
}

// Every section of the JSON that has no other place in the page.
void write_all_figures(std::string& html, StoredResult result) {
    result.latencies = {};
    result.stages.reset();
    html += "<h2>All figures</h2>\n<div class=\"columns\">\n";
    write_section(html, "Requested", result.requested);
    const Json json = result_json(result);
    for (const auto& item : json.items()) {
        const std::string& key = item.key();
        if (key != "asked" && key != "verdict" && key != "gates" && key != "limit") {
            std::string title = title_of(key);
            title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
            write_section(html, title,
                          key == "abuse" && item.value().is_object() ? rows_of_cohorts(item.value())
                                                                     : item.value());
        }
    }
    html += "</div>\n";
}

} // namespace

std::string html_report(const StoredResult& result, const Timeline& timeline) {
    const std::vector<MeasuredLatency> measured = measured_latencies(result);
    std::string html;
    write_head(html, result);
    write_verdict(html, result.verdict, result.requested);
    write_tiles(html, result.rate.value_or(StoredRate()), measured);
    if (!result.bottleneck.is_null()) {
        fmt::format_to(Out(html), "<p>Bottleneck: <strong>{}</strong>: {}</p>\n",
                       escape(text_or_dash(result.bottleneck, "limited_by")),
                       escape(text_or_dash(result.bottleneck, "reason")));
    }
    write_section(html, "Gates", result_json(result)["gates"]);
    write_latencies(html, measured);
    if (result.stages) {
        write_section(html, "Stages", stages_table(*result.stages));
    }
    write_timeline(html, timeline, bands_of(result.outages));
    write_all_figures(html, result);
    html += "</main></body></html>\n";
    return html;
}

} // namespace echoload
