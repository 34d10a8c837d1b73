// SPDX-License-Identifier: MIT
#include "client/report_abuse.hpp"

#include "base/units.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace echoload {

namespace {

constexpr const char* kRow =
    "{:<12}{:<12} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>10} {:>6} {:>8}  {}\n";

std::string expectation(const AbuseOptions& options, const AbuseCounts& counts, std::size_t i) {
    if (!options.expected[i]) {
        return "";
    }
    const bool met = !unmet(static_cast<AbuseMode>(i), *options.expected[i], counts);
    return fmt::format("{}: {}", to_string(*options.expected[i]), met ? "yes" : "NO");
}

} // namespace

std::string abuse_table(const AbuseOptions& options, const AbuseResult& result) {
    std::string text =
        fmt::format(fmt::runtime(kRow), "abuse", "mode", "asked", "opened", "refused", "by FIN",
                    "by RST", "open", "messages", "echoed", "wrong", "median", "expected");
    for (std::size_t i = 0; i < kAbuseModes; ++i) {
        const AbuseCounts& counts = result[i];
        if (counts.asked != 0) {
            text += fmt::format(
                fmt::runtime(kRow), "", to_string(static_cast<AbuseMode>(i)), counts.asked,
                counts.opened, counts.refused, counts.closed_by_fin, counts.closed_by_rst,
                counts.open_at_end, counts.whole_messages, counts.echoed, counts.wrong,
                counts.median_open ? echod::humanize_duration(*counts.median_open) : "-",
                expectation(options, counts, i));
        }
    }
    return text;
}

nlohmann::ordered_json abuse_json(const AbuseOptions& options, const AbuseResult& result) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (std::size_t i = 0; i < kAbuseModes; ++i) {
        const AbuseCounts& counts = result[i];
        if (counts.asked == 0) {
            continue;
        }
        const auto mode = static_cast<AbuseMode>(i);
        nlohmann::ordered_json row = {
            {"asked", counts.asked},
            {"opened", counts.opened},
            {"refused", counts.refused},
            {"closed_by_fin", counts.closed_by_fin},
            {"closed_by_rst", counts.closed_by_rst},
            {"open_at_end", counts.open_at_end},
            {"whole_messages", counts.whole_messages},
            {"echoed", counts.echoed},
            {"echoed_bytes", counts.echoed_bytes},
            {"wrong", counts.wrong},
            {"median_open_s", nullptr},
            {"expected", nullptr},
            {"met", nullptr},
        };
        if (counts.median_open) {
            row["median_open_s"] = echod::to_seconds(*counts.median_open);
        }
        if (const auto expected = options.expected[i]) {
            row["expected"] = to_string(*expected);
            row["met"] = !unmet(mode, *expected, counts);
        }
        json[std::string(to_string(mode))] = std::move(row);
    }
    return json;
}

} // namespace echoload
