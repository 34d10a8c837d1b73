// SPDX-License-Identifier: MIT
#include "client/message/sizes.hpp"

#include "base/enum_names.hpp"
#include "base/units.hpp"
#include "wire/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace echoload {

namespace {

using echod::kMaxPayload;

enum class Law : std::uint8_t { uniform, fixed, list, edges };

// Sizes at the limits of framing: an empty payload, sizes around the length of the header, and
// those whose message (8 bytes longer) ends just before, at and after a power of two.
constexpr std::uint32_t kEdges[] = {0,   1,   2,   7,    8,    9,    15,   16,  17,
                                    55,  56,  57,  119,  120,  121,  247,  248, 249,
                                    503, 504, 505, 1007, 1008, 1009, 1015, 1016};

constexpr std::uint32_t kMaxWeight = 1'000'000;

[[noreturn]] void bad_law(std::string_view text, std::string_view why) {
    throw std::invalid_argument(
        fmt::format("'{}': {}; it is uniform:A-B or A-B, fixed:N or N, list:SIZE:WEIGHT,... or "
                    "edges, with sizes 0 to {}",
                    text, why, kMaxPayload));
}

std::uint32_t parse_size(std::string_view law, std::string_view text) {
    const auto size = echod::parse_integer(text, kMaxPayload);
    if (!size) {
        bad_law(law, fmt::format("'{}' is no payload size", text));
    }
    return static_cast<std::uint32_t>(*size);
}

} // namespace

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Law> =
    echod::names_up_to<echoload::Law::edges>({"uniform", "fixed", "list", "edges"});

namespace echoload {

SizeLaw::SizeLaw() : span_(kMaxPayload + 1), text_(fmt::format("uniform:0-{}", kMaxPayload)) {}

SizeLaw SizeLaw::parse(std::string_view text) {
    if (!text.empty() && text.find_first_not_of("0123456789-") == std::string_view::npos) {
        const bool is_range = text.find('-') != std::string_view::npos;
        return parse(fmt::format("{}:{}", is_range ? "uniform" : "fixed", text));
    }
    const std::size_t colon = text.find(':');
    const auto kind = echod::enum_value<Law>(text.substr(0, colon));
    const bool has_value = colon != std::string_view::npos;
    if (!kind || has_value == (*kind == Law::edges)) {
        bad_law(text, "that law is not known");
    }
    const std::string_view value = has_value ? text.substr(colon + 1) : std::string_view();
    SizeLaw law;
    law.text_ = text;
    switch (*kind) {
    case Law::uniform:
        law.set_range(value);
        break;
    case Law::fixed:
        law.low_ = parse_size(text, value);
        law.span_ = 1;
        break;
    case Law::list:
        law.add_steps(value);
        break;
    case Law::edges:
        for (const std::uint32_t size : kEdges) {
            law.add_step(size, 1);
        }
        break;
    }
    return law;
}

void SizeLaw::set_range(std::string_view range) {
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) {
        bad_law(text_, "the range is missing");
    }
    low_ = parse_size(text_, range.substr(0, dash));
    const std::uint32_t high = parse_size(text_, range.substr(dash + 1));
    if (high < low_) {
        bad_law(text_, "the range ends before it begins");
    }
    span_ = high - low_ + 1;
}

void SizeLaw::add_steps(std::string_view list) {
    for (bool more = true; more;) {
        const std::size_t comma = list.find(',');
        const std::string_view item = list.substr(0, comma);
        const std::size_t colon = item.find(':');
        const auto weight = colon == std::string_view::npos
                                ? std::nullopt
                                : echod::parse_integer(item.substr(colon + 1), kMaxWeight);
        if (weight.value_or(0) == 0) {
            bad_law(text_, fmt::format("'{}' needs a weight of 1 to {}", item, kMaxWeight));
        }
        if (steps_.size() > kMaxPayload) {
            bad_law(text_, "the list is longer than there are sizes");
        }
        add_step(parse_size(text_, item.substr(0, colon)), static_cast<std::uint32_t>(*weight));
        more = comma != std::string_view::npos;
        list = more ? list.substr(comma + 1) : std::string_view();
    }
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
