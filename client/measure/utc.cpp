// SPDX-License-Identifier: MIT
#include "client/measure/utc.hpp"

#include <fmt/chrono.h>

#include <cmath>
#include <ctime>
#include <iomanip>
#include <sstream>

namespace echoload {

std::string utc_text(WallTime when) {
    const auto second = std::chrono::floor<std::chrono::seconds>(when);
    const auto part = std::chrono::floor<std::chrono::microseconds>(when - second);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(second)), part.count());
}

std::optional<WallTime> parse_utc(const std::string& text) {
    std::istringstream stream(text);
    std::tm fields{};
    double part = 0;
    if (!(stream >> std::get_time(&fields, "%Y-%m-%dT%H:%M:%S"))) {
        return std::nullopt;
    }
    if (stream.peek() == '.' && (!(stream >> part) || part >= 1)) {
        return std::nullopt;
    }
    constexpr int kFirstYear = 1970 - 1900;
    constexpr int kLastYear = 2261 - 1900; // of what system_clock can hold
    if (fields.tm_year < kFirstYear || fields.tm_year > kLastYear) {
        return std::nullopt;
    }
    if (stream.get() != 'Z' || stream.peek() != std::istringstream::traits_type::eof()) {
        return std::nullopt;
    }
    return std::chrono::system_clock::from_time_t(::timegm(&fields)) +
           std::chrono::microseconds(std::llround(part * 1e6));
}

} // namespace echoload
