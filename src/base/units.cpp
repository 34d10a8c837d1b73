// SPDX-License-Identifier: MIT
#include "base/units.hpp"

#include "base/uint128.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace echod {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

// In ascending order: format_duration() takes the largest unit that divides the value.
constexpr std::array kDurationUnits = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"m", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
};

// In ascending order, as above.
constexpr std::array kByteUnits = {Unit{"", 1}, Unit{"KiB", 1 << 10}, Unit{"MiB", 1 << 20},
                                   Unit{"GiB", 1 << 30}};

constexpr std::array kCountUnits = {Unit{"", 1}, Unit{"k", 1'000}, Unit{"M", 1'000'000}};

// The number digits / 10^decimals, exactly: floating point would turn 0.1s into
// 100000000.00000001 ns. `rest` is the text behind it.
struct Decimal {
    std::int64_t digits = 0;
    int decimals = 0;
    std::string_view rest;
};

// The one parser of decimal numbers: digits, and a point only between digits.
std::optional<Decimal> read_decimal(std::string_view text) noexcept {
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

// number * factor, if that is a whole number that fits.
std::optional<std::int64_t> scale(const Decimal& number, std::int64_t factor) noexcept {
    Uint128 value = Uint128::product(static_cast<std::uint64_t>(number.digits),
                                     static_cast<std::uint64_t>(factor));
    for (int i = 0; i < number.decimals; ++i) {
        if (value.divide(10) != 0) {
            return std::nullopt;
        }
    }
    if (value.high() != 0 || value.low() > std::numeric_limits<std::int64_t>::max()) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(value.low());
}

// The number in the smallest unit, if what follows it is the name of one of `units`.
template <std::size_t N>
std::optional<std::int64_t> scale_by_unit(const Decimal& number,
                                          const std::array<Unit, N>& units) noexcept {
    for (const Unit& unit : units) {
        if (number.rest == unit.name) {
            return scale(number, unit.factor);
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<std::uint64_t> parse_integer(std::string_view text, std::uint64_t most) noexcept {
    const auto number = read_decimal(text);
    if (!number || !number->rest.empty() || text.find('.') != std::string_view::npos ||
        static_cast<std::uint64_t>(number->digits) > most) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(number->digits);
}

std::optional<double> parse_number(std::string_view text) noexcept {
    const auto number = read_decimal(text);
    if (!number || !number->rest.empty()) {
        return std::nullopt;
    }
    // One division of two numbers that a double holds exactly rounds once.
    double divisor = 1;
    for (int i = 0; i < number->decimals; ++i) {
        divisor *= 10;
    }
    return static_cast<double>(number->digits) / divisor;
}

std::optional<std::uint64_t> parse_count(std::string_view text) noexcept {
    const auto number = read_decimal(text);
    const auto value = number ? scale_by_unit(*number, kCountUnits) : std::nullopt;
    return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept {
    const auto number = read_decimal(text);
    const auto value = number ? scale_by_unit(*number, kByteUnits) : std::nullopt;
    return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::string format_bytes(std::uint64_t bytes) {
    for (auto unit = kByteUnits.rbegin(); unit != kByteUnits.rend(); ++unit) {
        const auto factor = static_cast<std::uint64_t>(unit->factor);
        if (bytes != 0 && bytes % factor == 0) {
            return fmt::format("{}{}", bytes / factor, unit->name);
        }
    }
    return "0";
}

std::optional<Duration> parse_duration(std::string_view text) noexcept {
    const auto number = read_decimal(text);
    if (number && number->rest.empty() && number->digits == 0) {
        return Duration::zero(); // zero needs no unit
    }
    const auto value = number ? scale_by_unit(*number, kDurationUnits) : std::nullopt;
    return value ? std::optional(Duration(*value)) : std::nullopt;
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

} // namespace echod
