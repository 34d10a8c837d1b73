// SPDX-License-Identifier: MIT
#include "server/clients/pending_output.hpp"
#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include <vector>

using namespace echod;

namespace {

constexpr std::size_t kPayload = 12;
constexpr std::size_t kFrame = kHeaderSize + kPayload;

std::vector<std::byte> frames(std::size_t count) {
    std::vector<std::byte> bytes(count * kFrame);
    for (std::size_t i = 0; i < count; ++i) {
        encode_header({1, kPayload}, bytes.data() + i * kFrame);
    }
    return bytes;
}

} // namespace

TEST(PendingOutput, NothingIsPendingAfterEverythingWasSent) {
    const auto bytes = frames(3);
    PendingOutput pending;
    EXPECT_EQ(pending.start(bytes, 3, bytes.size()), 3U);
    EXPECT_EQ(pending.bytes(), 0U);
    EXPECT_EQ(pending.messages(), 0U);
}

TEST(PendingOutput, AMessageIsSentWithItsLastByteWhereverTheSendsEnd) {
    const auto bytes = frames(3);
    for (std::size_t first = 0; first < bytes.size(); ++first) {
        for (std::size_t second = first; second <= bytes.size(); ++second) {
            PendingOutput pending;
            std::uint32_t sent = pending.start(bytes, 3, first);
            ASSERT_EQ(sent, first / kFrame) << first;
            ASSERT_EQ(pending.bytes(), bytes.size() - first);
            sent += pending.advance(std::span(bytes).subspan(first), second - first);
            ASSERT_EQ(sent, second / kFrame) << first << " " << second;
            ASSERT_EQ(pending.messages(), 3 - sent);
            sent += pending.advance(std::span(bytes).subspan(second), bytes.size() - second);
            ASSERT_EQ(sent, 3U) << first << " " << second;
            ASSERT_EQ(pending.bytes(), 0U);
            ASSERT_EQ(pending.messages(), 0U);
        }
    }
}

TEST(PendingOutput, RestoredMessagesCountAsSentWithTheLastByteOfAll) {
    const auto bytes = frames(2);
    const auto rest = std::span(bytes).subspan(5); // the first message was sent in part
    PendingOutput pending;
    pending.restore(static_cast<std::uint16_t>(rest.size()), 2);
    EXPECT_EQ(pending.advance(rest, kFrame), 0U);
    EXPECT_EQ(pending.advance(rest.subspan(kFrame), rest.size() - kFrame), 2U);
    EXPECT_EQ(pending.bytes(), 0U);
}
