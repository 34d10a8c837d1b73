// SPDX-License-Identifier: MIT
// Decimal numbers, durations and counts as text. No locale, no exceptions: a parser returns nothing
// unless the whole text matches and the value fits.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echod {

/// The largest number that the parsers below accept.
inline constexpr std::uint64_t kMaxInteger = (std::uint64_t{1} << 63U) - 1;

/// Parses digits, "8007", to a number of at most `most`.
[[nodiscard]] std::optional<std::uint64_t> parse_integer(std::string_view text,
                                                         std::uint64_t most = kMaxInteger) noexcept;

/// Parses digits with or without a fraction: "5", "99.95". No sign and no exponent.
[[nodiscard]] std::optional<double> parse_number(std::string_view text) noexcept;

/// Parses a count: "500", "10k", "1.5M" (k is 1,000, M is 1,000,000). The value must be whole.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text) noexcept;

/// Parses a size in bytes: "4096", "128KiB", "1.5MiB", "1GiB". The value must be whole.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept;

/// Formats a size in bytes without loss or fraction, in the largest unit that allows it: "128KiB",
/// "1000", "0". parse_bytes() returns the same value.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// Parses a duration: "250us", "1.5ms", "30s", "5m", "2h", or "0". The value must be a whole number
/// of nanoseconds.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text) noexcept;

/// Formats a duration without loss or fraction, in the largest unit that allows it: "1500ms",
/// "30s", "0s". parse_duration() returns the same value.
[[nodiscard]] std::string format_duration(Duration duration);

/// Formats a duration with three significant figures: "87.4us", "1.23ms", "12.0s".
[[nodiscard]] std::string humanize_duration(Duration duration);

} // namespace echod
