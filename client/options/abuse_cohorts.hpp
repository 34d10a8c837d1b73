// SPDX-License-Identifier: MIT
// Cohorts of misbehaving connections, one for each mode, and what the server must do with them.
#pragma once

#include "base/enum_names.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// How a connection misbehaves; echoload(1) describes each mode.
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

inline constexpr std::size_t kAbuseModes = static_cast<std::size_t>(AbuseMode::never_read) + 1;

/// What the server must do with the connections of a cohort.
enum class Expectation : std::uint8_t {
    close, ///< close each one before the run ends
    echo,  ///< echo every whole message
    keep,  ///< close none
};

template <class T>
using PerAbuseMode = std::array<T, kAbuseModes>;

/// The values of --abuse and --expect.
struct AbuseOptions {
    PerAbuseMode<std::uint32_t> connections{};
    PerAbuseMode<std::optional<Expectation>> expected{};

    /// The number of connections of all cohorts.
    [[nodiscard]] std::uint32_t total() const noexcept;

    /// Parse "MODE:N,..." and "MODE=WHAT,...". Throw std::invalid_argument with the error and the
    /// valid values.
    void parse_connections(std::string_view text);
    void parse_expected(std::string_view text);

    /// The same as text, without modes that have no value.
    [[nodiscard]] std::string connections_text() const;
    [[nodiscard]] std::string expected_text() const;
};

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::AbuseMode> =
    echod::names_up_to<echoload::AbuseMode::never_read>({"slow-read", "dribble", "idle",
                                                         "half-header", "oversize", "garbage",
                                                         "rst", "never-read"});

template <>
inline constexpr auto echod::kEnumNames<echoload::Expectation> =
    echod::names_up_to<echoload::Expectation::keep>({"close", "echo", "keep"});
