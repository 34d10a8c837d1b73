// SPDX-License-Identifier: MIT
// In what way an echo is wrong: found by making again what might have come in its place.
#pragma once

#include "client/mismatch.hpp"
#include "client/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace echoload {

/// How far an echo is compared with what was sent.
enum class VerifyLevel : std::uint8_t {
    full,   ///< every byte
    header, ///< type and size, and the length that the size says
    off,    ///< the length alone
};

[[nodiscard]] std::string_view to_string(VerifyLevel level) noexcept;

/// What is known of every echo where none was wrong.
[[nodiscard]] std::string_view what_was_right(VerifyLevel level) noexcept;

/// Where a stream stood when its echo went wrong.
struct StreamState {
    std::uint64_t connection = 0;
    std::uint64_t stream = 0;
    std::uint64_t expected = 0; ///< the message whose echo is due
    std::uint64_t begun = 0;    ///< the first message of which nothing is sent
    std::size_t owed = 0;       ///< how much of expected's echo may come: what is sent of it
};

/// A row of another connection's messages, [from, to), whose bytes may have strayed.
struct Neighbour {
    std::uint64_t connection = 0;
    std::uint64_t stream = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};

/// The neighbour numbered `index` from 0; nothing where there are no more.
using Neighbours = std::function<std::optional<Neighbour>(std::uint32_t index)>;

/// What was found.
struct Finding {
    MismatchKind kind = MismatchKind::corrupt;
    std::size_t offset = 0;     ///< of the first wrong byte in the evidence
    std::optional<Origin> came; ///< whose bytes came instead, where that was found
    std::size_t skip = 0;       ///< what of the evidence this finding is about
    std::uint64_t resume = 0;   ///< the message whose echo is due behind it
    bool resumes = false;       ///< the stream can be followed from there on
};

/// What is looked at to tell what an echo is. A search costs at most some milliseconds.
inline constexpr std::uint64_t kSearchedBehind = 4096;       ///< of the same stream, already echoed
inline constexpr std::uint64_t kSearchedAhead = 65'536;      ///< of the same stream, sent since
inline constexpr std::uint64_t kSearchedElsewhere = 1 << 18; ///< messages of other streams in all

/// Says what the bytes are that came where the echo of `state.expected` was due: `evidence` is all
/// that came from the first byte of that echo on, at least one of which is wrong. Nothing where
/// more bytes are needed to tell; with `final` there are no more, and it says what there is to say.
[[nodiscard]] std::optional<Finding> classify(const Generator& generator, VerifyLevel level,
                                              const StreamState& state,
                                              std::span<const std::byte> evidence, bool final,
                                              const Neighbours& neighbours);

} // namespace echoload
