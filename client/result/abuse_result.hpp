// SPDX-License-Identifier: MIT
// The result of the cohorts of misbehaving connections.
#pragma once

#include "base/clock.hpp"
#include "client/options/abuse_cohorts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// The counters of one cohort.
struct AbuseCounts {
    std::uint64_t asked = 0;
    std::uint64_t opened = 0;        ///< established, in mode rst many times each
    std::uint64_t refused = 0;       ///< attempts that failed or took longer than --timeout
    std::uint64_t closed_by_fin = 0; ///< by the server
    std::uint64_t closed_by_rst = 0; ///< by the server
    std::uint64_t open_at_end = 0;
    std::uint64_t whole_messages = 0; ///< sent to their last byte
    std::uint64_t echoed = 0;         ///< of these, echoed correctly
    std::uint64_t echoed_bytes = 0;
    std::uint64_t wrong = 0;                    ///< wrong echoes of every kind
    std::optional<echod::Duration> median_open; ///< until the server's close, of those it closed
};

/// The counters of all cohorts.
using AbuseResult = PerAbuseMode<AbuseCounts>;

/// Why the server did not treat a cohort as expected, or nothing.
[[nodiscard]] std::optional<std::string> unmet(AbuseMode mode, Expectation expectation,
                                               const AbuseCounts& counts);

/// unmet() of each expectation.
[[nodiscard]] std::vector<std::string> unmet(const AbuseOptions& options,
                                             const AbuseResult& result);

} // namespace echoload
