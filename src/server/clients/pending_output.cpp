// SPDX-License-Identifier: MIT
#include "server/clients/pending_output.hpp"

#include "wire/frame.hpp"

namespace echod {

std::uint32_t PendingOutput::advance(std::span<const std::byte> pending,
                                     std::size_t sent) noexcept {
    std::uint32_t out = 0;
    if (sent == pending.size()) {
        out = messages_;
        begun_ = 0;
    } else if (sent < begun_) {
        begun_ = static_cast<std::uint16_t>(begun_ - sent);
    } else {
        const std::size_t begun = begun_;
        out = (begun != 0 ? 1U : 0U) + split(pending.subspan(begun), sent - begun);
    }
    bytes_ = static_cast<std::uint16_t>(bytes_ - sent);
    messages_ = static_cast<std::uint16_t>(messages_ - out);
    return out;
}

// Counts the messages that end within the first `sent` bytes of `frames`, and notes how many bytes
// are left of the one that is cut.
std::uint32_t PendingOutput::split(std::span<const std::byte> frames, std::size_t sent) noexcept {
    const Scan out = scan_frames(frames.first(sent));
    const std::size_t begun = sent - out.bytes;
    begun_ = 0;
    if (begun != 0) {
        const Header header = decode_header(frames.data() + out.bytes);
        begun_ = static_cast<std::uint16_t>(kHeaderSize + header.size - begun);
    }
    return out.frames;
}

} // namespace echod
