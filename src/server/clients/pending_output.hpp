// SPDX-License-Identifier: MIT
// The bytes of a connection that are to be sent and that the kernel has not taken yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace echod {

/// Counts pending output in bytes and in messages. A message is sent when the kernel has taken its
/// last byte. The bytes themselves are in the connection's buffer.
class PendingOutput {
public:
    /// Bytes of whole messages that the kernel has not taken yet.
    [[nodiscard]] std::uint16_t bytes() const noexcept { return bytes_; }
    /// Messages whose last byte is among them.
    [[nodiscard]] std::uint16_t messages() const noexcept { return messages_; }

    /// Of `frames`, `count` whole messages, the kernel took the first `sent` bytes; the rest is
    /// pending. There must have been no pending output. Returns how many messages were sent.
    [[nodiscard]] std::uint32_t start(std::span<const std::byte> frames, std::uint32_t count,
                                      std::size_t sent) noexcept {
        const std::uint32_t out = sent == frames.size() ? count : split(frames, sent);
        bytes_ = static_cast<std::uint16_t>(frames.size() - sent);
        messages_ = static_cast<std::uint16_t>(count - out);
        return out;
    }

    /// Of `pending`, all bytes that are pending, the kernel took the first `sent`. Returns how many
    /// messages were sent.
    [[nodiscard]] std::uint32_t advance(std::span<const std::byte> pending,
                                        std::size_t sent) noexcept;

    /// Continues with the counts of a parked connection. The ends of its messages are not known, so
    /// they count as sent when all its bytes are.
    void restore(std::uint16_t bytes, std::uint16_t messages) noexcept {
        bytes_ = bytes;
        messages_ = messages;
        begun_ = bytes;
    }

    void clear() noexcept { bytes_ = messages_ = 0; }

private:
    [[nodiscard]] std::uint32_t split(std::span<const std::byte> frames, std::size_t sent) noexcept;

    std::uint16_t bytes_ = 0;
    std::uint16_t messages_ = 0;
    std::uint16_t begun_ = 0; ///< bytes left of a message that was sent in part
};

} // namespace echod
