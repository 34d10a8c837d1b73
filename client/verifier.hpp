// SPDX-License-Identifier: MIT
// How echoes are verified, the same for all connections of a loop.
#pragma once

#include "client/classify.hpp"

#include <vector>

namespace echoload {

/// What a run was asked to hold echoes to, and what is needed to say how one is wrong.
struct Verifier {
    const Generator& generator;
    VerifyLevel level = VerifyLevel::full;
    bool goes_on = false; ///< behind a wrong echo, where the stream can be followed
    Neighbours neighbours;
};

/// Wrong echoes that are described; the others are counted.
inline constexpr std::size_t kMismatchesDescribed = 10;

/// What became of a connection whose bytes were looked at.
enum class Health : std::uint8_t {
    sound,   ///< it goes on
    suspect, ///< something is wrong, and more bytes would tell what
    broken,  ///< it cannot be followed any further, or is not to be
};

} // namespace echoload
