// SPDX-License-Identifier: MIT
#include "client/measure/numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace echoload {

namespace {

// Three significant figures, in units of a thousand bytes.
std::string scaled_bytes(double bytes) {
    static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < std::size(kUnits)) {
        bytes /= 1000;
        ++unit;
    }
    const int decimals = bytes < 9.995 ? 2 : (bytes < 99.95 ? 1 : 0);
    return fmt::format("{:.{}f} {}", bytes, decimals, kUnits[unit]);
}

} // namespace

std::string group_digits(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) {
            text += ',';
        }
        text += digits[i];
    }
    return text;
}

std::string byte_size(std::uint64_t bytes) {
    return scaled_bytes(static_cast<double>(bytes));
}

std::string byte_rate(double bytes_per_second) {
    return scaled_bytes(bytes_per_second) + "/s";
}

std::string whole_rate(double per_second) {
    return group_digits(
        static_cast<std::uint64_t>(std::llround(std::clamp(per_second, 0.0, 1e18))));
}

} // namespace echoload
