// SPDX-License-Identifier: MIT
// The seeds of several runs, made of one.
#pragma once

#include <cstdint>
#include <random>

namespace echoload {

/// The next seed. It has 53 bits: every JSON parser reads it exactly.
[[nodiscard]] inline std::uint64_t seed_from(std::mt19937_64& random) {
    constexpr unsigned kSpareBits = 11;
    return random() >> kSpareBits;
}

} // namespace echoload
