// SPDX-License-Identifier: MIT
// Classifies a wrong echo: compares it with the messages that may have come instead.
#pragma once

#include "base/enum_names.hpp"
#include "client/message/mismatch.hpp"
#include "client/message/payload.hpp"

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

/// What a run without a wrong echo has proved, for the report.
[[nodiscard]] std::string_view what_was_right(VerifyLevel level) noexcept;

/// The state of a stream whose next echo is wrong.
struct StreamState {
    std::uint64_t connection = 0;
    std::uint64_t stream = 0;
    std::uint64_t expected = 0;     ///< the message whose echo is due
    std::uint64_t begun = 0;        ///< the first message of which nothing is sent
    std::size_t expected_bytes = 0; ///< of its echo that may come: those that are sent
};

/// Messages [from, to) of another stream, to which foreign bytes may belong. The caller chooses
/// the streams: those of the same thread.
struct Neighbour {
    std::uint64_t connection = 0;
    std::uint64_t stream = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};

/// The other stream numbered `index` from 0; nothing where there are no more.
using Neighbours = std::function<std::optional<Neighbour>(std::uint32_t index)>;

/// The result of classify().
struct Finding {
    MismatchKind kind = MismatchKind::corrupt;
    std::size_t offset = 0;     ///< of the first wrong byte in the undecided bytes
    std::optional<Origin> came; ///< the message whose bytes came instead, if it was found
    std::size_t skip = 0;       ///< undecided bytes that this finding covers
    std::uint64_t resume = 0;   ///< the message whose echo follows them
    bool resumes = false;       ///< the stream can be followed from there on
};

/// How many messages are compared. A search takes at most some milliseconds.
inline constexpr std::uint64_t kSearchedBehind = 4096;     ///< of the same stream, already echoed
inline constexpr std::uint64_t kSearchedAhead = 65'536;    ///< of the same stream, sent since
inline constexpr std::uint64_t kSearchedForeign = 1 << 18; ///< messages of other streams in all

/// Classifies the bytes that came where the echo of `state.expected` was due. `undecided` is all
/// that came from the first byte of that echo on; at least one byte is wrong. Returns nothing where
/// more bytes are needed; with `final` there are no more, and it decides with what has come.
[[nodiscard]] std::optional<Finding> classify(const Generator& generator, VerifyLevel level,
                                              const StreamState& state,
                                              std::span<const std::byte> undecided, bool final,
                                              const Neighbours& neighbours);

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::VerifyLevel> =
    echod::names_up_to<echoload::VerifyLevel::off>({"full", "header", "off"});
