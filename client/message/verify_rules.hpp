// SPDX-License-Identifier: MIT
// How echoes are verified, the same for all connections of a loop.
#pragma once

#include "client/message/classify.hpp"

#include <cstddef>
#include <cstdint>

namespace echoload {

/// How closely echoes are compared, and what is needed to classify a wrong one.
struct VerifyRules {
    const Generator& generator;
    VerifyLevel level = VerifyLevel::full;
    bool continue_on_mismatch = false; ///< after a wrong echo, where the stream can be followed
    Neighbours neighbours;
};

/// Wrong echoes that are described; the others are counted only.
inline constexpr std::size_t kMismatchesDescribed = 10;

/// The state of a stream of echoes after its bytes were compared.
enum class VerifyState : std::uint8_t {
    ok,        ///< the stream is in step
    undecided, ///< a byte is wrong, and more bytes are needed to classify it
    failed,    ///< the stream cannot be followed any further, or must not be
};

} // namespace echoload
