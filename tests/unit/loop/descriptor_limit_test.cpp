// SPDX-License-Identifier: MIT
#include "server/loop/descriptor_limit.hpp"

#include <gtest/gtest.h>

#include <limits>

using namespace echod;

TEST(DescriptorLimit, LeavesConnectionsWhatIsNotReserved) {
    const std::uint64_t reserved = reserved_descriptors(2);
    EXPECT_EQ(reserved_descriptors(3), reserved + 1) << "one for each listener";
    EXPECT_EQ(room_for_connections(reserved + 100, 2), 100U);
}

TEST(DescriptorLimit, LeavesRoomForOneConnectionAtLeast) {
    EXPECT_EQ(room_for_connections(0, 1), 1U);
    EXPECT_EQ(room_for_connections(reserved_descriptors(1), 1), 1U);
}

TEST(DescriptorLimit, DoesNotOverflow) {
    constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
    EXPECT_EQ(room_for_connections(std::numeric_limits<std::uint64_t>::max(), 1), kMost);
    EXPECT_EQ(room_for_connections(std::nullopt, 1), kMost);
}

TEST(DescriptorLimit, IsRaisedToTheHardLimit) {
    raise_descriptor_limit();
    const auto limit = descriptor_limit();
    ASSERT_TRUE(limit.has_value());
    raise_descriptor_limit();
    EXPECT_EQ(descriptor_limit(), limit);
}
