// SPDX-License-Identifier: MIT
#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace echod {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

// From the smallest up, so that formatting can take the largest that divides.
constexpr std::array kDurationUnits = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"m", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
};

constexpr std::array kCountUnits = {Unit{"", 1}, Unit{"k", 1'000}, Unit{"M", 1'000'000}};

// A decimal number, exactly: units * 10^-decimals. Floating point would turn 0.1s into
// 100000000.00000001 ns.
struct Decimal {
    std::int64_t digits = 0;
    int decimals = 0;
    std::string_view rest;
};

std::optional<Decimal> parse_decimal(std::string_view text) {
    Decimal out;
    bool seen_digit = false;
    bool seen_point = false;
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '.' && seen_digit && !seen_point) {
            seen_point = true;
            seen_digit = false; // a digit must follow the point
            continue;
        }
        if (c < '0' || c > '9') {
            break;
        }
        seen_digit = true;
        if (out.digits > (std::numeric_limits<std::int64_t>::max() - 9) / 10) {
            return std::nullopt;
        }
        out.digits = out.digits * 10 + (c - '0');
        out.decimals += seen_point ? 1 : 0;
    }
    if (!seen_digit) {
        return std::nullopt;
    }
    out.rest = text.substr(at);
    return out;
}

// digits * factor / 10^decimals where that is a whole number that fits.
std::optional<std::int64_t> scale(const Decimal& number, std::int64_t factor) {
    __extension__ using Wide = __int128;
    Wide value = static_cast<Wide>(number.digits) * factor;
    for (int i = 0; i < number.decimals; ++i) {
        if (value % 10 != 0) {
            return std::nullopt;
        }
        value /= 10;
    }
    if (value > std::numeric_limits<std::int64_t>::max()) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(value);
}

} // namespace

std::optional<Duration> parse_duration(std::string_view text) {
    const auto number = parse_decimal(text);
    if (!number) {
        return std::nullopt;
    }
    if (number->rest.empty() && number->digits == 0) {
        return Duration::zero(); // zero is the same in every unit
    }
    for (const Unit& unit : kDurationUnits) {
        if (number->rest == unit.name) {
            const auto value = scale(*number, unit.factor);
            return value ? std::optional(Duration(*value)) : std::nullopt;
        }
    }
    return std::nullopt;
}

std::string format_duration(Duration duration) {
    const std::int64_t ns = duration.count();
    if (ns == 0) {
        return "0s";
    }
    for (auto unit = kDurationUnits.rbegin(); unit != kDurationUnits.rend(); ++unit) {
        if (ns % unit->factor == 0) {
            return fmt::format("{}{}", ns / unit->factor, unit->name);
        }
    }
    return fmt::format("{}ns", ns);
}

std::string humanize_duration(Duration duration) {
    const auto ns = static_cast<double>(duration.count());
    const auto text = [](double value, std::string_view unit) {
        const int decimals = value < 10 ? 2 : (value < 100 ? 1 : 0);
        return fmt::format("{:.{}f}{}", value, decimals, unit);
    };
    if (ns < 1e3) {
        return fmt::format("{}ns", duration.count());
    }
    if (ns < 1e6) {
        return text(ns / 1e3, "us");
    }
    if (ns < 1e9) {
        return text(ns / 1e6, "ms");
    }
    return text(ns / 1e9, "s");
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
    const auto number = parse_decimal(text);
    if (!number) {
        return std::nullopt;
    }
    for (const Unit& unit : kCountUnits) {
        if (number->rest == unit.name) {
            const auto value = scale(*number, unit.factor);
            return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
        }
    }
    return std::nullopt;
}

} // namespace echod
