// SPDX-License-Identifier: MIT
#include "client/message/split.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace echoload;

namespace {

const Generator kGenerator(3, SizeLaw());

Message some_message() {
    return kGenerator.message(kGenerator.stream(0), 1);
}

} // namespace

TEST(Split, NoneSendsAllAndByteSendsOneByte) {
    EXPECT_EQ(next_piece(Split::none, some_message(), 0, 5000), 5000U);
    EXPECT_EQ(next_piece(Split::byte, some_message(), 17, 5000), 1U);
}

TEST(Split, HeaderAndPayloadAreSeparatePiecesFromAnyOffset) {
    const Message message = some_message();
    EXPECT_EQ(next_piece(Split::header, message, 0, 2048), 8U);
    EXPECT_EQ(next_piece(Split::header, message, 3, 2048), 5U);
    EXPECT_EQ(next_piece(Split::header, message, 8, 2048), message.size);
    EXPECT_EQ(next_piece(Split::header, message, 9, 2048), message.size - 1);
}

TEST(Split, RandomPiecesRepeatForASeedAndHaveSizesOfEveryScale) {
    std::set<int> scales;
    for (std::uint64_t sequence = 0; sequence < 500; ++sequence) {
        const Message message = kGenerator.message(kGenerator.stream(0), sequence);
        const std::size_t piece = next_piece(Split::random, message, 0, 4096);
        ASSERT_GE(piece, 1U);
        ASSERT_LE(piece, 2048U);
        ASSERT_EQ(piece, next_piece(Split::random, message, 0, 4096));
        int scale = 0;
        for (std::size_t rest = piece; rest > 1; rest /= 2) {
            ++scale;
        }
        scales.insert(scale);
    }
    EXPECT_GE(scales.size(), 10U);
    EXPECT_EQ(next_piece(Split::random, some_message(), 0, 1), 1U);
}
