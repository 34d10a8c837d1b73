// SPDX-License-Identifier: MIT
#include "client/abuse.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <numeric>
#include <stdexcept>

namespace echoload {

namespace {

constexpr std::uint64_t kMostConnections = 1'000'000;
constexpr std::array kModeNames = {"slow-read", "dribble", "idle", "half-header",
                                   "oversize",  "garbage", "rst",  "never-read"};
constexpr std::array kExpectationNames = {"close", "echo", "keep"};
static_assert(kModeNames.size() == kAbuseModes);

template <class Names>
std::optional<std::size_t> find_name(const Names& names, std::string_view text) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == text) {
            return i;
        }
    }
    return std::nullopt;
}

// Splits "MODE<between>VALUE,..." and hands each mode's number and value to take().
template <class Take>
void for_each_mode(std::string_view text, char between, std::string_view form, Take take) {
    for (bool more = true; more;) {
        const std::size_t comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        const std::size_t at = item.find(between);
        const auto mode = find_name(kModeNames, item.substr(0, at));
        if (!mode || at == std::string_view::npos) {
            throw std::invalid_argument(fmt::format("must be {}, ... with a MODE of {}, is '{}'",
                                                    form, fmt::join(kModeNames, ", "), item));
        }
        take(*mode, item.substr(at + 1));
        more = comma != std::string_view::npos;
        text = more ? text.substr(comma + 1) : std::string_view();
    }
}

// "MODE<between>VALUE,..." with the text of each mode's value, without the modes that have none.
template <class TextOf>
std::string text_of_modes(char between, TextOf text_of) {
    std::string all;
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (const std::string text = text_of(mode); !text.empty()) {
            all += fmt::format("{}{}{}{}", all.empty() ? "" : ",", kModeNames[mode], between, text);
        }
    }
    return all;
}

} // namespace

std::string_view to_string(AbuseMode mode) noexcept {
    return kModeNames[static_cast<std::size_t>(mode)];
}

std::string_view to_string(Expectation expectation) noexcept {
    return kExpectationNames[static_cast<std::size_t>(expectation)];
}

std::uint32_t AbuseOptions::total() const noexcept {
    return std::accumulate(connections.begin(), connections.end(), 0U);
}

void AbuseOptions::parse_connections(std::string_view text) {
    for_each_mode(text, ':', "MODE:N", [this](std::size_t mode, std::string_view value) {
        const auto count = echod::parse_count(value);
        if (!count || *count == 0 || *count > kMostConnections) {
            throw std::invalid_argument(fmt::format("{} must have 1 to {} connections, has '{}'",
                                                    kModeNames[mode], kMostConnections, value));
        }
        connections[mode] = static_cast<std::uint32_t>(*count);
    });
}

void AbuseOptions::parse_expected(std::string_view text) {
    for_each_mode(text, '=', "MODE=WHAT", [this](std::size_t mode, std::string_view value) {
        const auto what = find_name(kExpectationNames, value);
        if (!what) {
            throw std::invalid_argument(
                fmt::format("{} must be close, echo or keep, is '{}'", kModeNames[mode], value));
        }
        expected[mode] = static_cast<Expectation>(*what);
    });
}

std::string AbuseOptions::connections_text() const {
    return text_of_modes(':', [this](std::size_t mode) {
        return connections[mode] == 0 ? std::string() : std::to_string(connections[mode]);
    });
}

std::string AbuseOptions::expected_text() const {
    return text_of_modes('=', [this](std::size_t mode) {
        return std::string(expected[mode] ? to_string(*expected[mode]) : "");
    });
}

std::optional<std::string> unmet(AbuseMode mode, Expectation expectation,
                                 const AbuseCounts& counts) {
    const auto sentence = [&](std::string_view why, auto... figures) {
        return fmt::format("{} was expected to {}: {}", to_string(mode), to_string(expectation),
                           fmt::format(fmt::runtime(why), figures...));
    };
    const std::uint64_t closed = counts.closed_by_fin + counts.closed_by_rst;
    if (counts.opened < counts.asked || counts.refused != 0) {
        return sentence("{} of {} connections were opened, {} refused", counts.opened, counts.asked,
                        counts.refused);
    }
    switch (expectation) {
    case Expectation::close:
        if (closed != counts.opened) {
            return sentence("the server closed {} of {}", closed, counts.opened);
        }
        break;
    case Expectation::keep:
        if (closed != 0) {
            return sentence("the server closed {} of {}", closed, counts.opened);
        }
        break;
    case Expectation::echo:
        if (counts.whole_messages == 0) {
            return sentence("no whole message was sent");
        }
        if (counts.echoed != counts.whole_messages || counts.wrong != 0) {
            return sentence("{} of {} messages were echoed, {} wrong", counts.echoed,
                            counts.whole_messages, counts.wrong);
        }
        break;
    }
    return std::nullopt;
}

std::vector<std::string> unmet(const AbuseOptions& options, const AbuseResult& result) {
    std::vector<std::string> sentences;
    for (std::size_t i = 0; i < kAbuseModes; ++i) {
        if (options.expected[i]) {
            if (auto why = unmet(static_cast<AbuseMode>(i), *options.expected[i], result[i])) {
                sentences.push_back(std::move(*why));
            }
        }
    }
    return sentences;
}

} // namespace echoload
