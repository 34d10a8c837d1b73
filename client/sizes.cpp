// SPDX-License-Identifier: MIT
#include "client/sizes.hpp"

#include "wire/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace echoload {

namespace {

using echod::kMaxPayload;

// Where framing goes wrong if it does: nothing at all, around the header's own length, and where
// the whole message (8 bytes more) ends just before, on and after a power of two.
constexpr std::uint32_t kEdges[] = {0,   1,   2,   7,    8,    9,    15,   16,  17,
                                    55,  56,  57,  119,  120,  121,  247,  248, 249,
                                    503, 504, 505, 1007, 1008, 1009, 1015, 1016};

constexpr std::uint32_t kMaxWeight = 1'000'000;

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

[[noreturn]] void bad_law(std::string_view text, std::string_view why) {
    throw std::invalid_argument(
        fmt::format("'{}': {}; it is uniform:A-B, fixed:N, list:SIZE:WEIGHT,... or edges, with "
                    "sizes 0 to {}",
                    text, why, kMaxPayload));
}

std::uint32_t parse_size(std::string_view law, std::string_view text) {
    const auto size = parse_number(text);
    if (!size || *size > kMaxPayload) {
        bad_law(law, fmt::format("'{}' is no payload size", text));
    }
    return *size;
}

// What follows `prefix` in `text`, or nothing.
std::optional<std::string_view> after(std::string_view text, std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix) {
        return std::nullopt;
    }
    return text.substr(prefix.size());
}

} // namespace

SizeLaw::SizeLaw() : span_(kMaxPayload + 1), text_(fmt::format("uniform:0-{}", kMaxPayload)) {}

SizeLaw SizeLaw::parse(std::string_view text) {
    SizeLaw law;
    law.text_ = text;
    if (text == "edges") {
        for (const std::uint32_t size : kEdges) {
            law.add_step(size, 1);
        }
    } else if (const auto fixed = after(text, "fixed:")) {
        law.low_ = parse_size(text, *fixed);
        law.span_ = 1;
    } else if (const auto range = after(text, "uniform:")) {
        const std::size_t dash = range->find('-');
        if (dash == std::string_view::npos) {
            bad_law(text, "the range is missing");
        }
        law.low_ = parse_size(text, range->substr(0, dash));
        const std::uint32_t high = parse_size(text, range->substr(dash + 1));
        if (high < law.low_) {
            bad_law(text, "the range ends before it begins");
        }
        law.span_ = high - law.low_ + 1;
    } else if (auto list = after(text, "list:")) {
        for (bool more = true; more;) {
            const std::size_t comma = list->find(',');
            const std::string_view item = list->substr(0, comma);
            const std::size_t colon = item.find(':');
            const auto weight = colon == std::string_view::npos
                                    ? std::nullopt
                                    : parse_number(item.substr(colon + 1));
            if (!weight || *weight == 0 || *weight > kMaxWeight) {
                bad_law(text, fmt::format("'{}' needs a weight of 1 to {}", item, kMaxWeight));
            }
            if (law.steps_.size() > kMaxPayload) {
                bad_law(text, "the list is longer than there are sizes");
            }
            law.add_step(parse_size(text, item.substr(0, colon)), *weight);
            more = comma != std::string_view::npos;
            list = more ? list->substr(comma + 1) : std::string_view();
        }
    } else {
        bad_law(text, "that law is not known");
    }
    return law;
}

void SizeLaw::add_step(std::uint32_t size, std::uint32_t weight) {
    const std::uint32_t from = steps_.empty() ? 0 : steps_.back().below;
    steps_.push_back({from + weight, size}); // 1,017 steps of a million each fit in 32 bits
}

std::uint32_t SizeLaw::draw_step(std::uint32_t random) const noexcept {
    const std::uint32_t pick = scale(random, steps_.back().below);
    const auto step = std::upper_bound(steps_.begin(), steps_.end(), pick,
                                       [](std::uint32_t p, const Step& s) { return p < s.below; });
    return step->size;
}

} // namespace echoload
