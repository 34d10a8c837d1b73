// SPDX-License-Identifier: MIT
#include "client/report/abuse.hpp"

#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace echoload {

namespace {

constexpr std::size_t kTableColumn = 8; // wide, or as wide as its head

std::string expectation(const AbuseOptions& options, const AbuseCounts& counts, std::size_t i) {
    if (!options.expected[i]) {
        return "";
    }
    const bool met = !unmet(static_cast<AbuseMode>(i), *options.expected[i], counts);
    return fmt::format("{}: {}", echod::enum_name(*options.expected[i]), met ? "yes" : "NO");
}

// `figure` is the text of each counter; what follows the counters stands in two more columns.
template <class Figure>
void write_row(Out out, std::string_view label, std::string_view mode, Figure figure,
               std::string_view median, std::string_view expected) {
    fmt::format_to(out, "{:<12}{:<12}", label, mode);
    for (const NamedCount<AbuseCounts>& name : kAbuseCounts) {
        if (name.shown == Shown::always) {
            fmt::format_to(out, " {:>{}}", figure(name),
                           std::max(kTableColumn, std::strlen(name.label)));
        }
    }
    fmt::format_to(out, " {:>8}  {}\n", median, expected);
}

} // namespace

std::string abuse_table(const AbuseOptions& options, const AbuseResult& result) {
    std::string text;
    const Out out(text);
    write_row(
        out, "abuse", "mode", [](const auto& name) { return std::string(name.label); }, "median",
        "expected");
    for (std::size_t i = 0; i < kAbuseModes; ++i) {
        const AbuseCounts& counts = result[i];
        if (counts.asked != 0) {
            write_row(
                out, "", echod::kEnumNames<AbuseMode>[i],
                [&counts](const auto& name) { return std::to_string(counts.*name.count); },
                duration_or_dash(counts.median_open), expectation(options, counts, i));
        }
    }
    return text;
}

} // namespace echoload
