// SPDX-License-Identifier: MIT
#include "net/fd_passing.hpp"
#include "server/handover.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <random>

using namespace echod;
using namespace std::chrono_literals;

namespace {

ParkedState sample() {
    ParkedState state;
    state.config = "[listen]\nport = 1\n";
    ParkedConnection one;
    one.messages = 1'000'000'000'000;
    one.bytes = 77;
    one.age = 3h;
    one.idle = 5ms;
    one.message_age = 4s;
    one.kept = {std::byte{1}, std::byte{2}, std::byte{3}};
    ParkedConnection two;
    two.owed = 100;
    two.owed_messages = 2;
    two.peer_done = true;
    two.invalid = true;
    two.kept.resize(1000, std::byte{0x5a});
    state.connections = {one, two, ParkedConnection{}};
    return state;
}

std::string why(std::span<const std::byte> bytes) {
    try {
        (void)decode_state(bytes);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

// Makes the checksum right again after a change.
void seal(std::vector<std::byte>& bytes) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (std::size_t i = 0; i < bytes.size() - 8; ++i) {
        hash = (hash ^ static_cast<std::uint64_t>(bytes[i])) * 0x100000001b3U;
    }
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[bytes.size() - 8 + i] = static_cast<std::byte>((hash >> (8 * i)) & 0xffU);
    }
}

} // namespace

TEST(Handover, WhatIsWrittenReadsBackTheSame) {
    EXPECT_EQ(decode_state(encode_state(sample())), sample());
    EXPECT_EQ(decode_state(encode_state({})), ParkedState{});
    const UniqueFd file = make_state_file(encode_state(sample()));
    EXPECT_EQ(decode_state(read_state_file(file.get())), sample());
}

TEST(Handover, TheStateFileCannotBeChanged) {
    const UniqueFd file = make_state_file(encode_state(sample()));
    EXPECT_LT(::write(file.get(), "x", 1), 0);
    EXPECT_LT(::ftruncate(file.get(), 1), 0);
}

TEST(Handover, EveryCutIsRefused) {
    const std::vector<std::byte> bytes = encode_state(sample());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_NE(why(std::span(bytes).first(size)), "") << size;
    }
}

TEST(Handover, EveryFlippedByteIsRefused) {
    std::vector<std::byte> bytes = encode_state(sample());
    for (std::byte& byte : bytes) {
        byte ^= std::byte{0x40};
        EXPECT_NE(why(bytes), "");
        byte ^= std::byte{0x40};
    }
    EXPECT_EQ(why(bytes), "");
}

TEST(Handover, NoContentIsTrustedBehindARightChecksum) {
    std::mt19937 random(3);
    const std::vector<std::byte> good = encode_state(sample());
    int refused = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::vector<std::byte> bytes = good;
        for (auto flips = 1 + random() % 3; flips != 0; --flips) {
            bytes[8 + random() % (bytes.size() - 16)] = static_cast<std::byte>(random());
        }
        seal(bytes);
        try {
            for (const ParkedConnection& connection : decode_state(bytes).connections) {
                ASSERT_LE(connection.owed, connection.kept.size());
            }
        } catch (const std::runtime_error&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 0);
}

TEST(Handover, WhatANewerVersionAppendsToARecordIsPassedOver) {
    ParkedState state;
    state.connections.resize(1);
    state.connections[0].messages = 42;
    std::vector<std::byte> bytes = encode_state(state);
    // Header: magic 8, version 4, config length 4, count 4; then the record's length.
    constexpr std::size_t kVersionAt = 8;
    constexpr std::size_t kLengthAt = 20;
    bytes[kVersionAt] = static_cast<std::byte>(kStateVersion + 1);
    bytes[kLengthAt] = static_cast<std::byte>(static_cast<unsigned>(bytes[kLengthAt]) + 5);
    bytes.insert(bytes.end() - 8, 5, std::byte{0xee});
    seal(bytes);
    EXPECT_EQ(decode_state(bytes), state);
}

TEST(Handover, ADurationThatWouldOverflowIsRefused) {
    ParkedState state = sample();
    for (const Duration wrong : {Duration::max(), Duration(-1), Duration::min()}) {
        state.connections[1].idle = wrong;
        EXPECT_NE(why(encode_state(state)), "");
    }
}

TEST(FdPassing, TheEndOfAStreamIsTheEnd) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
    const UniqueFd near(fds[0]);
    ::close(fds[1]);
    EXPECT_TRUE(receive_descriptors(near.get()).empty());
}

TEST(FdPassing, ThousandsOfDescriptorsGoThroughOneSocketInOrderAfterTheSenderIsGone) {
    auto [near, far] = datagram_pair();
    std::vector<UniqueFd> files;
    std::vector<int> fds;
    for (int i = 0; i < 600; ++i) {
        files.push_back(make_state_file(std::vector<std::byte>(static_cast<std::size_t>(i))));
        fds.push_back(files.back().get());
    }
    EXPECT_EQ(send_descriptors(near.get(), fds), fds.size());
    near.reset();
    files.clear();
    const std::vector<UniqueFd> received = receive_descriptors(far.get());
    ASSERT_EQ(received.size(), 600U);
    for (std::size_t i = 0; i < received.size(); ++i) {
        struct stat status {};
        ASSERT_EQ(::fstat(received[i].get(), &status), 0);
        ASSERT_EQ(static_cast<std::size_t>(status.st_size), i);
    }
}
