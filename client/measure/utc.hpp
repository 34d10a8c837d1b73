// SPDX-License-Identifier: MIT
// The time of day as text.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace echoload {

using WallTime = std::chrono::system_clock::time_point;

/// "2026-11-22T21:34:48.123456Z".
[[nodiscard]] std::string utc_text(WallTime when);

/// Reads what utc_text() wrote, also without the part of a second, as earlier versions did; nothing
/// where the text is not of that form.
[[nodiscard]] std::optional<WallTime> parse_utc(const std::string& text);

} // namespace echoload
