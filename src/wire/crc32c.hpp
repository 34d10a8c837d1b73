// SPDX-License-Identifier: MIT
// The checksum CRC32c (RFC 3720, appendix B.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace echod {

/// The CRC32c of `bytes`, which follow bytes whose CRC32c is `before`; 0: nothing comes before.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes,
                                   std::uint32_t before = 0) noexcept;

} // namespace echod
