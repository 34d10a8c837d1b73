// SPDX-License-Identifier: MIT
// What every message consists of, made from (seed, connection, sequence) and nothing else.
#pragma once

#include "client/message/sizes.hpp"
#include "wire/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace echoload {

/// One message before its bytes are made: all that is needed to make any part of it.
struct Message {
    std::uint64_t key = 0;
    std::uint32_t type = 0;
    std::uint32_t size = 0; ///< of the payload

    /// Header and payload, in bytes.
    [[nodiscard]] std::size_t length() const noexcept { return echod::kHeaderSize + size; }
};

/// Generates the messages of a run. Nothing is stored: any message can be generated again at any
/// time, to verify its echo and to find foreign bytes in other streams.
class Generator {
public:
    Generator(std::uint64_t seed, SizeLaw sizes);

    /// The stream of one connection; connections are numbered from 0 and never share a number.
    [[nodiscard]] std::uint64_t stream(std::uint64_t connection) const noexcept;

    /// Message `sequence` (from 0) of a stream.
    [[nodiscard]] Message message(std::uint64_t stream, std::uint64_t sequence) const noexcept;

private:
    std::uint64_t seed_key_;
    SizeLaw sizes_;
};

/// Mixes 64 bits: a bijection in which every bit of the result depends on every bit of `x`.
[[nodiscard]] std::uint64_t mix(std::uint64_t x) noexcept;

/// Writes the whole message at `to`, which has room for message.length() bytes.
void write_message(const Message& message, std::byte* to) noexcept;

/// Writes to.size() bytes of the message from byte `from` on (0 is the header's first byte); the
/// part lies within the message.
void write_part(const Message& message, std::size_t from, std::span<std::byte> to) noexcept;

/// Whether `echo` is the message from byte `from` on; it lies within the message.
[[nodiscard]] bool matches(const Message& message, std::size_t from,
                           std::span<const std::byte> echo) noexcept;

/// How many bytes of `echo` are right before the first that differs.
[[nodiscard]] std::size_t equal_prefix(const Message& message, std::size_t from,
                                       std::span<const std::byte> echo) noexcept;

} // namespace echoload
