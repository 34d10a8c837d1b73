// SPDX-License-Identifier: MIT
// An echo that was not what had been sent: what is kept of it, and how it is shown.
#pragma once

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
    extra,     ///< bytes that nothing was owed for
    duplicate, ///< a message that was echoed already comes again
    reordered, ///< a later message of the same connection comes before its turn
    foreign,   ///< bytes of another connection's message
};

inline constexpr std::size_t kMismatchKinds = 6;

[[nodiscard]] std::string_view to_string(MismatchKind kind) noexcept;

/// The message that bytes are from.
struct Origin {
    std::uint64_t connection = 0;
    std::uint64_t sequence = 0;
    std::size_t offset = 0; ///< in that message, of the first of the bytes
};

/// Enough to find the message again: with the run's seed, (connection, sequence) makes the same
/// bytes in another run.
struct Mismatch {
    MismatchKind kind = MismatchKind::corrupt;
    std::uint64_t connection = 0;
    std::string local;               ///< our end of it; its port finds it in a packet capture
    std::string peer;                ///< the target
    std::uint64_t sequence = 0;      ///< of the message whose echo was expected, from 0
    std::size_t length = 0;          ///< of that message with its header; 0 where none was owed
    std::size_t offset = 0;          ///< of the first byte that differs; 0 is the header's first
    std::size_t window = 0;          ///< offset of the first byte of both excerpts
    std::vector<std::byte> expected; ///< the message from `window` on, or an excerpt of it
    std::vector<std::byte> received; ///< what came instead, as far as it had arrived
    std::optional<Origin> came;      ///< whose bytes came instead, where that was found
};

/// Bytes that an excerpt shows before the first wrong one, and in all.
inline constexpr std::size_t kExcerptLead = 32;
inline constexpr std::size_t kExcerptSize = 128;

/// Several lines, 16 bytes each, with their offsets from `first_offset` on and a "*" at the line
/// that holds `marked_offset`; each line led by `indent`.
[[nodiscard]] std::string hexdump(std::span<const std::byte> bytes, std::size_t first_offset,
                                  std::size_t marked_offset, std::string_view indent);

/// A sentence and both hexdumps, ending in a newline.
[[nodiscard]] std::string describe(const Mismatch& mismatch);

} // namespace echoload
