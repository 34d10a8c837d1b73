// SPDX-License-Identifier: MIT
#include "wire/crc32c.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

using namespace echod;

namespace {

std::uint32_t crc_of(const std::vector<std::byte>& bytes) {
    return crc32c(bytes);
}

} // namespace

// RFC 3720, appendix B.4.
TEST(Crc32c, HasTheValuesOfTheRfc) {
    std::vector<std::byte> bytes(32, std::byte{0});
    EXPECT_EQ(crc_of(bytes), 0x8a9136aaU);
    bytes.assign(32, std::byte{0xff});
    EXPECT_EQ(crc_of(bytes), 0x62a8ab43U);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i);
    }
    EXPECT_EQ(crc_of(bytes), 0x46dd794eU);
    EXPECT_EQ(crc32c(std::as_bytes(std::span(std::string_view("123456789")))), 0xe3069283U);
    EXPECT_EQ(crc_of({}), 0U);
}

TEST(Crc32c, IsTheSameInPieces) {
    const std::string_view text = "the header, its checksum as zeros, and the TLVs behind it";
    const auto bytes = std::as_bytes(std::span(text));
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
        ASSERT_EQ(crc32c(bytes.subspan(split), crc32c(bytes.first(split))), crc32c(bytes));
    }
}
