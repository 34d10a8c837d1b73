// SPDX-License-Identifier: MIT
#include "client/options/start_at.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <stdexcept>

namespace echoload {

namespace {

constexpr echod::Duration kFarthestStart = std::chrono::hours(1000);
constexpr double kMostEpochSeconds = 9e9; // of what a time of day can be, about the year 2255
constexpr std::size_t kDate = 10;         // "2026-11-29"
constexpr std::size_t kOffset = 6;        // "+01:00"

// "+01:00" or "-01:00", how far local time is ahead of UTC.
std::optional<std::chrono::minutes> offset_in(const std::string& text) {
    if (text.size() != kOffset || (text[0] != '+' && text[0] != '-') || text[3] != ':') {
        return std::nullopt;
    }
    const auto hours = echod::parse_integer(text.substr(1, 2), 23);
    const auto minutes = echod::parse_integer(text.substr(4), 59);
    if (!hours || !minutes) {
        return std::nullopt;
    }
    const auto offset = std::chrono::minutes(static_cast<int>(*hours * 60 + *minutes));
    return text[0] == '-' ? -offset : offset;
}

// RFC 3339.
std::optional<WallTime> time_of_day(const std::string& text) {
    std::string utc = text;
    std::chrono::minutes offset{0};
    if (text.size() > kOffset && text.back() != 'Z') {
        const auto found = offset_in(text.substr(text.size() - kOffset));
        if (!found) {
            return std::nullopt;
        }
        offset = *found;
        utc = text.substr(0, text.size() - kOffset) + 'Z';
    }
    const auto parsed = parse_utc(utc);
    // February 30 would be read as March 2.
    if (!parsed || utc_text(*parsed).substr(0, kDate) != utc.substr(0, kDate)) {
        return std::nullopt;
    }
    return *parsed - offset;
}

} // namespace

StartAt StartAt::parse(const std::string& text) {
    StartAt start;
    start.text = text;
    if (!text.empty() && text[0] == '+') {
        const auto after = echod::parse_duration(std::string_view(text).substr(1));
        if (after && *after <= kFarthestStart) {
            start.after = *after;
            return start;
        }
    } else if (const auto seconds = echod::parse_number(text)) {
        if (*seconds < kMostEpochSeconds) {
            start.at = WallTime(std::chrono::microseconds(std::llround(*seconds * 1e6)));
            return start;
        }
    } else if (const auto at = time_of_day(text)) {
        start.at = at;
        return start;
    }
    throw std::invalid_argument(
        fmt::format("must be a time such as 2026-11-29T12:00:00Z, seconds since 1970, or a time "
                    "from now such as +5s, at most {}, is '{}'",
                    echod::format_duration(kFarthestStart), text));
}

} // namespace echoload
