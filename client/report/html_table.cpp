// SPDX-License-Identifier: MIT
#include "client/report/html_table.hpp"

#include "base/units.hpp"
#include "client/measure/gates.hpp"
#include "client/report/chart.hpp"
#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace echoload {

namespace {

constexpr double kLargest = 9e18; // that a duration and a number of bytes can be

std::string duration_text(double ns) {
    return echod::humanize_duration(
        Duration(static_cast<std::int64_t>(std::clamp(ns, -kLargest, kLargest))));
}

std::string number_text(const std::string& key, const Json& value) {
    const double number = value.get<double>();
    if (key.ends_with("bytes_per_s")) {
        return byte_rate(number);
    }
    if (key.ends_with("_per_s")) {
        return whole_rate(number);
    }
    if (key.ends_with("_ns")) {
        return duration_text(number);
    }
    if (key.ends_with("_s")) {
        return duration_text(number * 1e9);
    }
    if (key.ends_with("_bytes")) {
        return byte_size(static_cast<std::uint64_t>(std::clamp(number, 0.0, kLargest)));
    }
    if (key.ends_with("_share")) {
        return format_share(number);
    }
    if (value.is_number_float()) {
        return fmt::format("{:g}", number);
    }
    // The numbers of a run are signed or not, those that were read are not signed.
    const bool is_count = number >= 0 && key != "seed" && key != "pid";
    return is_count ? group_digits(value.get<std::uint64_t>()) : value.dump();
}

// "p99_9_ns".
bool is_percentile_key(std::string_view key) {
    return key.starts_with('p') && key.ends_with("_ns") && key.size() > 4 && key[1] >= '0' &&
           key[1] <= '9';
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
                           escape(title_of(item.key())), value_html(item.key(), item.value()));
        }
    }
    text += "</tbody></table></div>\n";
}

// The fields of an object in a row become columns: "latency" with "p99_ns" is "latency_p99_ns".
Json flat(const Json& row) {
    Json columns = Json::object();
    for (const auto& item : row.items()) {
        if (!item.value().is_object()) {
            columns[item.key()] = item.value();
            continue;
        }
        for (const auto& inner : item.value().items()) {
            columns[item.key() + "_" + inner.key()] = inner.value();
        }
    }
    return columns;
}

// A list of objects, one a row, with the fields of the first as columns. The "unit" of a gate is no
// column: its figures are shown in it.
void write_list(std::string& text, const std::string& title, const Json& list) {
    fmt::format_to(Out(text), "<div class=\"scroll list\"><table><caption>{}</caption><thead><tr>",
                   escape(title));
    std::vector<std::string> keys;
    const Json first = flat(list.front());
    for (const auto& item : first.items()) {
        if (item.key() != "unit") {
            keys.push_back(item.key());
            fmt::format_to(Out(text), "<th scope=\"col\">{}</th>", escape(title_of(item.key())));
        }
    }
    text += "</tr></thead><tbody>";
    for (const Json& each : list) {
        const Json row = flat(each);
        const std::string unit = row.value("unit", "");
        text += "<tr>";
        for (const std::string& key : keys) {
            const Json value = row.value(key, Json(nullptr));
            fmt::format_to(Out(text), "<td{}>{}</td>", value.is_number() ? "" : " class=\"text\"",
                           value_html(unit.empty() ? key : fmt::format("{}_{}", key, unit), value));
        }
        text += "</tr>";
    }
    text += "</tbody></table></div>\n";
}

} // namespace

std::string title_of(std::string key) {
    if (is_percentile_key(key)) {
        key.resize(key.size() - std::string_view("_ns").size());
        std::replace(key.begin(), key.end(), '_', '.');
        return key;
    }
    if (key.starts_with("asked")) {
        key.replace(0, 5, "requested");
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

std::string value_html(const std::string& key, const Json& value) {
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
    if (value.is_object()) { // an error: its phase, errno and count
        std::string text;
        for (const auto& item : value.items()) {
            text += (text.empty() ? "" : " ") + value_html(item.key(), item.value());
        }
        return text;
    }
    if (value.is_array()) {
        std::string text;
        for (const Json& each : value) {
            text += (text.empty() ? "" : ", ") + value_html(key, each);
        }
        return text;
    }
    return escape(value.is_string() ? value.get<std::string>() : value.dump());
}

void write_section(std::string& html, const std::string& title, const Json& section) {
    if (is_table(section)) {
        write_list(html, title, section);
        return;
    }
    if (!section.is_object()) {
        return;
    }
    write_fields(html, title, section);
    for (const auto& item : section.items()) {
        if (item.value().is_object() || is_table(item.value())) {
            write_section(html, title + ": " + title_of(item.key()), item.value());
        }
    }
}

} // namespace echoload
