// SPDX-License-Identifier: MIT
#include "client/report/text_parts.hpp"

#include "base/units.hpp"
#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"
#include "client/report/text_request.hpp"

#include <fmt/format.h>

namespace echoload {

namespace {

// "on time", "1.30s late", or "never begun".
std::string lateness(const Json& start) {
    const auto late = value_at<double>(start, "late_s");
    if (!late) {
        return "never begun";
    }
    return *late == 0 ? "on time" : echod::humanize_duration(duration_of(*late)) + " late";
}

std::string clock_text(const Json& clock) {
    const auto synchronised = value_at<bool>(clock, "synchronised");
    if (!synchronised) {
        return "it is not known whether the clock is synchronised";
    }
    if (!*synchronised) {
        return "the clock is not synchronised";
    }
    const auto error_of = [&clock](const char* key) {
        const auto error = value_at<double>(clock, key);
        return error ? echod::humanize_duration(duration_of(*error)) : "-";
    };
    return fmt::format("error of the clock about {}, at most {}", error_of("estimated_error_s"),
                       error_of("maximum_error_s"));
}

// ", part 2 of 3, 1.30s late", or what of it is known.
std::string part_text(const Json& row) {
    std::string text;
    if (const auto part = value_at<Json>(row, "part")) {
        text += fmt::format(", part {} of {}", text_or_dash(*part, "number"),
                            text_or_dash(*part, "of"));
    }
    if (const auto start = value_at<Json>(row, "start")) {
        text += ", " + lateness(*start);
    }
    return text;
}

void add_faults(std::vector<std::string>& faults, const Json& parts, const char* key,
                const char* what) {
    for (const Json& number : parts.value(key, Json::array())) {
        faults.push_back(
            fmt::format("part {} of {} {}", number.dump(), text_or_dash(parts, "of"), what));
    }
}

} // namespace

std::string start_text(const StoredResult& result) {
    if (result.start.is_null()) {
        return "";
    }
    return fmt::format(kLabel, "start") +
           fmt::format("{}, {}; {}\n", text_or_dash(result.start, "at"), lateness(result.start),
                       clock_text(result.clock));
}

std::string parts_text(const StoredResult& result) {
    std::string text;
    const Out out(text);
    const char* label = "merged";
    for (const Json& row : result.merged) {
        fmt::format_to(out, kLabel, label);
        const auto rate = value_at<double>(row, "messages_per_s");
        fmt::format_to(
            out, "{}{}: {} messages/s over {}, seed {}, bottleneck {}, {}\n",
            value_at<std::string>(row, "file").value_or("-"), part_text(row),
            rate ? whole_rate(*rate) : "-", seconds_or_dash(value_at<double>(row, "window_s")),
            text_or_dash(row, "seed"), text_or_dash(row.value("limit", Json()), "limited_by"),
            text_or_dash(row.value("verdict", Json()), "outcome"));
        label = "";
    }
    if (!result.parts.is_null()) {
        const std::vector<std::string> faults = faults_of_parts(result.parts);
        fmt::format_to(out, kLabel, "parts");
        fmt::format_to(out, "{} of {}{}{}\n", result.merged.size(),
                       text_or_dash(result.parts, "of"), faults.empty() ? "" : "; ",
                       joined(faults, ", "));
    }
    return text;
}

std::vector<std::string> faults_of_parts(const Json& parts) {
    std::vector<std::string> faults;
    add_faults(faults, parts, "missing", "is missing");
    add_faults(faults, parts, "late", "began late");
    return faults;
}

} // namespace echoload
