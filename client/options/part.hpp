// SPDX-License-Identifier: MIT
// One of several parts of a run, each the work of a client of its own.
#pragma once

#include "client/options/abuse_cohorts.hpp"
#include "client/pace/arrivals.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echoload {

/// A part, and the quantities of the whole run that it is a part of. The options of the run are the
/// part's own ones.
struct RunPart {
    std::uint32_t number = 1;           ///< from 1 to `of`
    std::uint32_t of = 1;               ///< how many parts the run has
    std::uint64_t first_connection = 0; ///< the part's connections are numbered from here,
    std::uint64_t first_abuser = 0;     ///< and the misbehaving ones from here
    std::uint32_t connections = 0;      ///< of the whole run, and so are those that follow
    std::optional<std::uint64_t> messages;
    std::optional<double> connect_rate; ///< connections a second
    std::optional<Pace> pace;
    std::uint64_t max_in_flight = 0;
    AbuseOptions abuse;

    /// Parses "2/3". Throws std::invalid_argument with the valid form.
    [[nodiscard]] static RunPart parse(std::string_view text);

    /// The part as a share of the run.
    [[nodiscard]] LoopShare share() const noexcept { return {number - 1, of}; }

    /// "2/3".
    [[nodiscard]] std::string text() const;
};

} // namespace echoload
