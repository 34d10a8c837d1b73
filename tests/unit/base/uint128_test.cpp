// SPDX-License-Identifier: MIT
#include "base/uint128.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace {

using echod::Uint128;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

TEST(Uint128, AProductHasBothHalves) {
    EXPECT_EQ(Uint128::product(0, kMost), Uint128(0));
    EXPECT_EQ(Uint128::product(kMost, 1), Uint128(kMost));
    const Uint128 largest = Uint128::product(kMost, kMost);
    EXPECT_EQ(largest.high(), kMost - 1);
    EXPECT_EQ(largest.low(), 1U);
    const Uint128 mixed = Uint128::product(0x0123456789abcdef, 0xfedcba9876543210);
    EXPECT_EQ(mixed.high(), 0x0121fa00ad77d742U);
    EXPECT_EQ(mixed.low(), 0x2236d88fe5618cf0U);
}

TEST(Uint128, ASumCarriesIntoTheUpperHalf) {
    Uint128 sum = kMost;
    sum += 1;
    EXPECT_EQ(sum.high(), 1U);
    EXPECT_EQ(sum.low(), 0U);
    sum += Uint128::product(kMost, 4);
    EXPECT_EQ(sum.high(), 4U);
    EXPECT_EQ(sum.low(), kMost - 3);
}

TEST(Uint128, AProductOfASumKeepsItsUpperHalf) {
    Uint128 value = Uint128::product(kMost, 2);
    value *= 10;
    EXPECT_EQ(value, Uint128::product(kMost, 20));
}

TEST(Uint128, DividingUndoesMultiplying) {
    for (const std::uint64_t divisor : {std::uint64_t{1}, std::uint64_t{10}, kMost / 3, kMost}) {
        Uint128 value = Uint128::product(kMost - 7, divisor);
        value += divisor - 1;
        EXPECT_EQ(value.divide(divisor), divisor - 1);
        EXPECT_EQ(value, Uint128(kMost - 7));
    }
}

} // namespace
