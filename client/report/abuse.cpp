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

std::string expectation(const StoredCohort& cohort) {
    return cohort.expected
               ? fmt::format("{}: {}", *cohort.expected, cohort.met == true ? "yes" : "NO")
               : "";
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

std::string abuse_table(const std::vector<StoredCohort>& cohorts) {
    std::string text;
    const Out out(text);
    write_row(
        out, "abuse", "mode", [](const auto& name) { return std::string(name.label); }, "median",
        "expected");
    for (const StoredCohort& cohort : cohorts) {
        const auto figure = [&cohort](const auto& name) {
            return std::to_string(cohort.counts.*name.count);
        };
        write_row(out, "", cohort.mode, figure, seconds_or_dash(cohort.median_open_s),
                  expectation(cohort));
    }
    return text;
}

} // namespace echoload
