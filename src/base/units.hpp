// SPDX-License-Identifier: MIT
// Quantities as people write them: durations with a unit, counts with k and M.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echod {

/// Reads "250us", "1.5ms", "30s", "5m", "2h", or "0". Nothing where the text is not that, is
/// negative, or is beyond what a Duration holds.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

/// The shortest text that parse_duration() reads back as the same value and that has no fraction:
/// "1500ms", "30s", "0s".
[[nodiscard]] std::string format_duration(Duration duration);

/// Three significant figures for a person: "87.4us", "1.23ms", "12.0s". Never read back.
[[nodiscard]] std::string humanize_duration(Duration duration);

/// Reads "500", "10k", "1.5M" (k is 1,000, M is 1,000,000). Nothing where the text is not that,
/// or is no whole number, or does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text);

} // namespace echod
