// SPDX-License-Identifier: MIT
#include "client/options/abuse_cohorts.hpp"

#include "base/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>
#include <stdexcept>

namespace echoload {

namespace {

constexpr std::uint64_t kMostConnections = 1'000'000;
constexpr auto& kModes = echod::kEnumNames<AbuseMode>;

// Splits "MODE<between>VALUE,..." and calls take(mode, value) for each item.
template <class Take>
void for_each_mode(std::string_view text, char between, std::string_view form, Take take) {
    for (bool more = true; more;) {
        const std::size_t comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        const std::size_t at = item.find(between);
        const auto mode = echod::enum_value<AbuseMode>(item.substr(0, at));
        if (!mode || at == std::string_view::npos) {
            throw std::invalid_argument(fmt::format("must be {}, ... with a MODE of {}, is '{}'",
                                                    form, fmt::join(kModes, ", "), item));
        }
        take(static_cast<std::size_t>(*mode), item.substr(at + 1));
        more = comma != std::string_view::npos;
        text = more ? text.substr(comma + 1) : std::string_view();
    }
}

// "MODE<between>VALUE,...", without modes whose value is empty.
template <class TextOf>
std::string text_of_modes(char between, TextOf text_of) {
    std::string all;
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (const std::string text = text_of(mode); !text.empty()) {
            all += fmt::format("{}{}{}{}", all.empty() ? "" : ",", kModes[mode], between, text);
        }
    }
    return all;
}

} // namespace

std::uint32_t AbuseOptions::total() const noexcept {
    return std::accumulate(connections.begin(), connections.end(), 0U);
}

void AbuseOptions::parse_connections(std::string_view text) {
    for_each_mode(text, ':', "MODE:N", [this](std::size_t mode, std::string_view value) {
        const auto count = echod::parse_count(value);
        if (!count || *count == 0 || *count > kMostConnections) {
            throw std::invalid_argument(fmt::format("{} must have 1 to {} connections, has '{}'",
                                                    kModes[mode], kMostConnections, value));
        }
        connections[mode] = static_cast<std::uint32_t>(*count);
    });
}

void AbuseOptions::parse_expected(std::string_view text) {
    for_each_mode(text, '=', "MODE=WHAT", [this](std::size_t mode, std::string_view value) {
        const auto what = echod::enum_value<Expectation>(value);
        if (!what) {
            throw std::invalid_argument(fmt::format("{} must be {}, is '{}'", kModes[mode],
                                                    echod::enum_choices<Expectation>(), value));
        }
        expected[mode] = *what;
    });
}

std::string AbuseOptions::connections_text() const {
    return text_of_modes(':', [this](std::size_t mode) {
        return connections[mode] == 0 ? std::string() : std::to_string(connections[mode]);
    });
}

std::string AbuseOptions::expected_text() const {
    return text_of_modes('=', [this](std::size_t mode) {
        return std::string(expected[mode] ? echod::enum_name(*expected[mode]) : "");
    });
}

} // namespace echoload
