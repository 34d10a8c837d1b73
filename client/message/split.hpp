// SPDX-License-Identifier: MIT
// How the bytes of messages are cut into send calls.
#pragma once

#include "base/enum_names.hpp"
#include "client/message/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace echoload {

enum class Split : std::uint8_t {
    none,   ///< as much as there is in one call
    random, ///< 1 to 2048 bytes a call, short and long ones as often, cut by the seed
    byte,   ///< one byte a call
    header, ///< a header in one call, a payload in the next
};

/// How many of `available` bytes, the first of which is byte `offset` of `message`, the next send
/// call gets: 1 to `available`.
[[nodiscard]] std::size_t next_piece(Split split, const Message& message, std::size_t offset,
                                     std::size_t available) noexcept;

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Split> =
    echod::names_up_to<echoload::Split::header>({"none", "random", "byte", "header"});
