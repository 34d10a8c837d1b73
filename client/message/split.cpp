// SPDX-License-Identifier: MIT
#include "client/message/split.hpp"

#include <algorithm>

namespace echoload {

namespace {

constexpr std::uint64_t kScales = 11; // lengths to 2^1, 2^2 ... 2^11, each as often

} // namespace

std::size_t next_piece(Split split, const Message& message, std::size_t offset,
                       std::size_t available) noexcept {
    std::size_t length = available;
    switch (split) {
    case Split::none:
        break;
    case Split::random: {
        const std::uint64_t random = mix(message.key + offset);
        length = 1 + (random >> 32U) % (std::uint64_t{2} << (random & 0xffffU) % kScales);
        break;
    }
    case Split::byte:
        length = 1;
        break;
    case Split::header:
        length = (offset < echod::kHeaderSize ? echod::kHeaderSize : message.length()) - offset;
        break;
    }
    return std::min(length, available);
}

} // namespace echoload
