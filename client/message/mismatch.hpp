// SPDX-License-Identifier: MIT
// An echo that differs from the message that was sent: its description, for people.
#pragma once

#include "base/enum_names.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// In what way an echo was wrong.
enum class MismatchKind : std::uint8_t {
    corrupt,   ///< a byte differs from the one that was sent
    truncated, ///< it stops short, maybe at 0 bytes: the end or a later message's bytes follow
    extra,     ///< bytes where no echo was expected
    duplicate, ///< a message that was echoed already comes again
    reordered, ///< a later message of the same connection comes before its turn
    foreign,   ///< bytes of another connection's message
};

inline constexpr std::size_t kMismatchKinds = static_cast<std::size_t>(MismatchKind::foreign) + 1;

/// The message that bytes are from.
struct Origin {
    std::uint64_t connection = 0;
    std::uint64_t sequence = 0;
    std::size_t offset = 0; ///< in that message, of the first of the bytes
};

/// Identifies the message: with the seed of the run, (connection, sequence) makes the same bytes in
/// another run.
struct Mismatch {
    MismatchKind kind = MismatchKind::corrupt;
    std::uint64_t connection = 0;
    std::string local;               ///< our end of it; its port finds it in a packet capture
    std::string peer;                ///< the target
    std::uint64_t sequence = 0;      ///< of the message whose echo was expected, from 0
    std::size_t length = 0;          ///< of that message with its header; 0 where none was expected
    std::size_t offset = 0;          ///< of the first byte that differs; 0 is the header's first
    std::size_t window = 0;          ///< offset of the first byte of both excerpts
    std::vector<std::byte> expected; ///< the message from `window` on, or an excerpt of it
    std::vector<std::byte> received; ///< what came instead, up to that moment
    std::optional<Origin> came;      ///< the message whose bytes came instead, if it was found
};

/// Bytes that an excerpt shows before the first wrong one, and in all.
inline constexpr std::size_t kExcerptLead = 32;
inline constexpr std::size_t kExcerptSize = 128;

/// Lines of 16 bytes with their offsets from `first_offset` on and a "*" at the line with
/// `marked_offset`; each line begins with `indent`.
[[nodiscard]] std::string hexdump(std::span<const std::byte> bytes, std::size_t first_offset,
                                  std::size_t marked_offset, std::string_view indent);

/// A sentence and both hexdumps, ending in a newline.
[[nodiscard]] std::string describe(const Mismatch& mismatch);

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::MismatchKind> =
    echod::names_up_to<echoload::MismatchKind::foreign>({"corrupt", "truncated", "extra",
                                                         "duplicate", "reordered", "foreign"});
