// SPDX-License-Identifier: MIT
// Cohorts of connections that misbehave, each in one way: what is asked of them, what was counted.
#pragma once

#include "base/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// How a connection misbehaves; echoload(1) says exactly.
enum class AbuseMode : std::uint8_t {
    slow_read,
    dribble,
    idle,
    half_header,
    oversize,
    garbage,
    rst,
    never_read,
};

inline constexpr std::size_t kAbuseModes = 8;

[[nodiscard]] std::string_view to_string(AbuseMode mode) noexcept;

/// What the server is to do with the connections of a cohort.
enum class Expectation : std::uint8_t {
    close, ///< it closes each of them before the run is over
    echo,  ///< it echoes every whole message that they send
    keep,  ///< it closes none of them
};

[[nodiscard]] std::string_view to_string(Expectation expectation) noexcept;

template <class T>
using PerAbuseMode = std::array<T, kAbuseModes>;

/// What was asked.
struct AbuseOptions {
    PerAbuseMode<std::uint32_t> connections{};
    PerAbuseMode<std::optional<Expectation>> expected{};

    /// Connections of all cohorts.
    [[nodiscard]] std::uint32_t total() const noexcept;

    /// Reads "MODE:N,..." and "MODE=WHAT,...". Throw std::invalid_argument that says what is wrong
    /// and what would be right.
    void parse_connections(std::string_view text);
    void parse_expected(std::string_view text);

    /// The same as text, without the modes that were not asked for.
    [[nodiscard]] std::string connections_text() const;
    [[nodiscard]] std::string expected_text() const;
};

/// What became of one cohort.
struct AbuseCounts {
    std::uint64_t asked = 0;
    std::uint64_t opened = 0;        ///< established, in mode rst many times each
    std::uint64_t refused = 0;       ///< attempts that failed or took longer than --timeout
    std::uint64_t closed_by_fin = 0; ///< by the server
    std::uint64_t closed_by_rst = 0; ///< by the server
    std::uint64_t open_at_end = 0;
    std::uint64_t whole_messages = 0; ///< sent to their last byte
    std::uint64_t echoed = 0;         ///< of these, echoed rightly
    std::uint64_t echoed_bytes = 0;
    std::uint64_t wrong = 0;                    ///< wrong echoes of every kind
    std::optional<echod::Duration> median_open; ///< until the server's close, of those it closed
};

/// What became of all cohorts.
using AbuseResult = PerAbuseMode<AbuseCounts>;

/// Why the server did not do what was expected of it with a cohort, or nothing.
[[nodiscard]] std::optional<std::string> unmet(AbuseMode mode, Expectation expectation,
                                               const AbuseCounts& counts);

/// unmet() of each expectation there is.
[[nodiscard]] std::vector<std::string> unmet(const AbuseOptions& options,
                                             const AbuseResult& result);

} // namespace echoload
