// SPDX-License-Identifier: MIT
#include "client/abuse/abuse_messages.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

using Bytes = std::vector<std::byte>;

struct AbuseMessagesTest : testing::Test {
    Bytes valid(AbuseMode mode) const {
        const Message message = messages.generator(mode).message(stream, 0);
        Bytes bytes(message.length());
        write_message(message, bytes.data());
        return bytes;
    }

    std::size_t echo_part(AbuseMode mode, std::size_t before, const Bytes& bytes) const {
        return messages.echo_part(mode, stream, before, bytes).size();
    }

    const AbuseMessages messages{1};
    const std::uint64_t stream = messages.stream(3);
};

} // namespace

TEST_F(AbuseMessagesTest, AnOversizeHeaderClaimsTooLargeAPayload) {
    const Bytes bytes = messages.invalid_bytes(AbuseMode::oversize, stream);
    ASSERT_EQ(bytes.size(), echod::kHeaderSize);
    EXPECT_GT(echod::decode_header(bytes.data()).size, echod::kMaxPayload);
}

TEST_F(AbuseMessagesTest, OnlyOversizeAndGarbageSendInvalidBytes) {
    EXPECT_FALSE(messages.invalid_bytes(AbuseMode::garbage, stream).empty());
    for (const AbuseMode mode : {AbuseMode::idle, AbuseMode::half_header, AbuseMode::dribble,
                                 AbuseMode::slow_read, AbuseMode::never_read, AbuseMode::rst}) {
        EXPECT_TRUE(messages.invalid_bytes(mode, stream).empty());
    }
}

TEST_F(AbuseMessagesTest, InvalidBytesThatComeBackUnchangedAreNoEcho) {
    const AbuseMode mode = AbuseMode::oversize;
    const Bytes invalid = messages.invalid_bytes(mode, stream);
    Bytes bytes = valid(mode);
    const std::size_t length = bytes.size();
    bytes.insert(bytes.end(), invalid.begin(), invalid.end());
    EXPECT_EQ(echo_part(mode, 0, bytes), length);
    EXPECT_EQ(echo_part(mode, length, invalid), 0U);
    EXPECT_EQ(echo_part(mode, length + 3, Bytes(invalid.begin() + 3, invalid.end())), 0U);
}

TEST_F(AbuseMessagesTest, OtherBytesAfterTheValidMessagesHaveToBeAnEcho) {
    const AbuseMode mode = AbuseMode::oversize;
    Bytes bytes = valid(mode);
    bytes.push_back(messages.invalid_bytes(mode, stream)[0] ^ std::byte{1});
    EXPECT_EQ(echo_part(mode, 0, bytes), bytes.size());
}

TEST_F(AbuseMessagesTest, AModeWithoutInvalidBytesGetsEchoesOnly) {
    EXPECT_EQ(echo_part(AbuseMode::dribble, 10, Bytes(100)), 100U);
}

TEST(AbuseModes, SlowReadersAndThoseThatNeverReadHaveSmallBuffers) {
    EXPECT_NE(prepare_socket(AbuseMode::slow_read), nullptr);
    EXPECT_NE(prepare_socket(AbuseMode::never_read), nullptr);
    EXPECT_EQ(prepare_socket(AbuseMode::idle), nullptr);
}

TEST(AbuseModes, DribbleAndSlowReadActRepeatedly) {
    EXPECT_EQ(action_interval(AbuseMode::dribble), Duration(100ms));
    EXPECT_EQ(action_interval(AbuseMode::slow_read), Duration(250ms));
    EXPECT_EQ(action_interval(AbuseMode::idle), std::nullopt);
}
