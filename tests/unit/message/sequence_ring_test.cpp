// SPDX-License-Identifier: MIT
#include "client/message/sequence_ring.hpp"

#include <gtest/gtest.h>

#include <random>

using echoload::SequenceRing;

TEST(SequenceRing, AGrowingAndMovingWindowPreservesEveryValue) {
    std::mt19937 random(1);
    SequenceRing<std::uint64_t> ring;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    for (int round = 0; round < 20'000; ++round) {
        if (random() % 5 < 3 && end - first < 300) {
            ring.extend(first, end);
            ring[end] = end * 3;
            ++end;
        } else if (first != end) {
            ASSERT_EQ(ring[first], first * 3);
            ++first;
        }
        if (first != end) {
            ASSERT_EQ(ring[end - 1], (end - 1) * 3);
        }
    }
    EXPECT_GT(end, 10'000U);
}
