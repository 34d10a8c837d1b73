// SPDX-License-Identifier: MIT
#include "client/options/part.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace echoload {

namespace {

constexpr std::uint64_t kMostParts = 10'000;

} // namespace

RunPart RunPart::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto number = echod::parse_integer(text.substr(0, slash));
    const auto of = slash == std::string_view::npos ? std::nullopt
                                                    : echod::parse_integer(text.substr(slash + 1));
    if (!number || !of || *number < 1 || *number > *of || *of > kMostParts) {
        throw std::invalid_argument(
            fmt::format("must be I/N with I from 1 to N, and N up to {}, as in 2/3, is '{}'",
                        kMostParts, text));
    }
    RunPart part;
    part.number = static_cast<std::uint32_t>(*number);
    part.of = static_cast<std::uint32_t>(*of);
    return part;
}

std::string RunPart::text() const {
    return fmt::format("{}/{}", number, of);
}

} // namespace echoload
