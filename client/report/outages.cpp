// SPDX-License-Identifier: MIT
#include "client/report/outages.hpp"

#include "base/sys_error.hpp"
#include "base/units.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

constexpr std::size_t kShownInText = 20;

Json outage_errors(const ErrorTable& table) {
    Json rows = Json::array();
    for (const ErrorCount& row : table.rows()) {
        rows.push_back(
            {{"phase", echod::enum_name(row.phase)},
             {"error", row.error == kEndOfFile ? kEndOfFileName : echod::errno_name(row.error)},
             {"count", row.count}});
    }
    return rows;
}

std::string whole(const Json& row, const char* key) {
    return group_digits(value_at<std::uint64_t>(row, key).value_or(0));
}

void write_outage(Out out, const Json& row) {
    const auto restored = value_at<double>(row, "restored_s");
    fmt::format_to(out, "{}  {} at {} ({}); {}; interrupted {} connection{}, lost {} message{}",
                   value_at<std::string>(row, "target").value_or("-"),
                   seconds_or_dash(value_at<double>(row, "length_s")),
                   seconds_or_dash(value_at<double>(row, "from_s")),
                   value_at<std::string>(row, "started").value_or("-"),
                   restored ? fmt::format("all answered after {}", seconds_or_dash(restored))
                            : "not all answered again",
                   whole(row, "connections"), whole(row, "connections") == "1" ? "" : "s",
                   whole(row, "messages_lost"), whole(row, "messages_lost") == "1" ? "" : "s");
    std::vector<std::string> errors;
    for (const Json& error : row.value("errors", Json::array())) {
        errors.push_back(fmt::format(
            "{} {} {}", value_at<std::string>(error, "phase").value_or("-"),
            value_at<std::string>(error, "error").value_or("-"), whole(error, "count")));
    }
    fmt::format_to(out, "{}{}\n", errors.empty() ? "" : "; ", joined(errors, ", "));
}

void write_interruptions(Out out, const StoredLatency& interruption, std::uint64_t not_restored) {
    const Histogram& histogram = interruption.histogram;
    fmt::format_to(out, kLabel, "interrupted");
    fmt::format_to(out, "connections {} time{}; p50 {}, p99 {}, longest {}",
                   group_digits(histogram.count()), histogram.count() == 1 ? "" : "s",
                   duration_or_dash(histogram.percentile(50)),
                   duration_or_dash(histogram.percentile(99)), duration_or_dash(histogram.max()));
    if (not_restored != 0) {
        fmt::format_to(out, "; until the end {}", group_digits(not_restored));
    }
    fmt::format_to(out, "\n");
}

} // namespace

Json outages_json(const Outages& outages, std::chrono::system_clock::time_point started) {
    Json rows = Json::array();
    for (const Outage& outage : outages.list) {
        const auto from =
            started + std::chrono::duration_cast<std::chrono::system_clock::duration>(outage.from);
        rows.push_back({{"target", outage.target},
                        {"from_s", echod::to_seconds(outage.from)},
                        {"started", utc_text(from)},
                        {"length_s", echod::to_seconds(outage.length())},
                        {"over", outage.over},
                        {"restored_s", outage.restored
                                           ? Json(echod::to_seconds(*outage.restored - outage.from))
                                           : Json(nullptr)},
                        {"connections", outage.connections},
                        {"messages_lost", outage.messages_lost},
                        {"errors", outage_errors(outage.errors)}});
    }
    return rows;
}

StoredOutages stored_outages(const Outages& outages) {
    return {{outages.count(), outages.messages_lost, outages.not_restored},
            echod::to_seconds(outages.longest())};
}

std::string outages_text(const StoredResult& result) {
    std::string text;
    if (!result.outage_counts) {
        return text;
    }
    const Out out(text);
    const StoredOutages& counts = *result.outage_counts;
    fmt::format_to(out, kLabel, "outages");
    if (counts.outages == 0) {
        fmt::format_to(out, "none\n");
        return text;
    }
    fmt::format_to(out, "{}, longest {}", group_digits(counts.outages),
                   seconds_or_dash(counts.longest_s));
    const std::size_t shown = std::min(result.outages.size(), kShownInText);
    if (shown != counts.outages) {
        fmt::format_to(out, "; the first {} are shown", shown);
    }
    text += '\n';
    for (std::size_t i = 0; i < shown; ++i) {
        fmt::format_to(out, kLabel, "");
        write_outage(out, result.outages[i]);
    }
    const StoredLatency* const interruption = result.find_latency("interruption");
    if (interruption != nullptr && interruption->histogram.count() != 0) {
        write_interruptions(out, *interruption, counts.not_restored);
    }
    return text;
}

} // namespace echoload
