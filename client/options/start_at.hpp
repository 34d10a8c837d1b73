// SPDX-License-Identifier: MIT
// When a run is to begin: the value of --start-at.
#pragma once

#include "base/clock.hpp"
#include "client/measure/utc.hpp"

#include <string>

namespace echoload {

/// A time of day, or one that follows the start of the program.
struct StartAt {
    std::string text; ///< as it was given
    std::optional<WallTime> at;
    echod::Duration after{}; ///< from the start, where there is no `at`

    /// Parses "2026-11-29T12:00:00Z", also with a part of a second and with an offset from UTC
    /// (RFC 3339), "1795953600.5" (seconds since 1970) and "+5s". Throws std::invalid_argument with
    /// these forms.
    [[nodiscard]] static StartAt parse(const std::string& text);
};

} // namespace echoload
