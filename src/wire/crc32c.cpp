// SPDX-License-Identifier: MIT
#include "wire/crc32c.hpp"

#include <array>

namespace echod {

namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() noexcept {
    constexpr std::uint32_t kReversedPolynomial = 0x82f63b78U;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1U) != 0 ? kReversedPolynomial : 0U);
        }
        table[i] = value;
    }
    return table;
}

constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

} // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
    std::uint32_t crc = ~before;
    for (const std::byte byte : bytes) {
        crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xffU];
    }
    return ~crc;
}

} // namespace echod
