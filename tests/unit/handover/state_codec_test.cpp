// SPDX-License-Identifier: MIT
#include "server/handover/state_codec.hpp"
#include "server/handover/state_file.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <stdexcept>

using namespace echod;
using namespace std::chrono_literals;

namespace {

constexpr std::array kThree = {std::byte{1}, std::byte{2}, std::byte{3}};
const std::vector<std::byte> kMany(1000, std::byte{0x5a});

ParkedState sample() {
    ParkedState state;
    state.config = "[listen]\nport = 1\n";
    ParkedConnection one;
    one.messages = 1'000'000'000'000;
    one.bytes = 77;
    one.age = 3h;
    one.idle = 5ms;
    one.message_age = 4s;
    one.buffered = kThree;
    one.cookie = 0x8000'0000'0000'0001U;
    ParkedConnection two;
    two.pending_out = 100;
    two.pending_messages = 2;
    two.peer_done = true;
    two.invalid = true;
    two.buffered = kMany;
    two.write_age = 1s;
    two.stalled_samples = 3;
    two.send_queue = 1'000'000;
    ParkedConnection awaits;
    awaits.message_age = 1s;
    awaits.buffered = kThree;
    awaits.proxy_expected = true;
    ParkedConnection named;
    named.source = {{std::byte{0x20}, std::byte{0x01}}, 4711, true};
    state.connections = {one, two, ParkedConnection{}, awaits, named};
    return state;
}

std::vector<std::byte> encode(const ParkedState& state) {
    const UniqueFd fd = make_state_file(state.config, state.connections);
    const StateFile file(fd.get());
    return {file.bytes().begin(), file.bytes().end()};
}

std::string why(std::span<const std::byte> bytes) {
    try {
        (void)decode_state(bytes);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

// Corrects the checksum after a change.
void seal(std::vector<std::byte>& bytes) {
    const std::uint64_t checksum = state_checksum(std::span(bytes).first(bytes.size() - 8));
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[bytes.size() - 8 + i] = static_cast<std::byte>((checksum >> (8 * i)) & 0xffU);
    }
}

} // namespace

TEST(StateCodec, ReadsBackWhatItWrote) {
    const std::vector<std::byte> bytes = encode(sample());
    EXPECT_EQ(decode_state(bytes), sample());
    const std::vector<std::byte> empty = encode({});
    EXPECT_EQ(decode_state(empty), ParkedState{});
}

TEST(StateCodec, ReadsBackAStateThatIsLargerThanItsBuffer) {
    const std::vector<std::byte> kept(32 * 1024 - 3, std::byte{7});
    ParkedState state;
    state.connections.resize(40);
    for (ParkedConnection& connection : state.connections) {
        connection.buffered = kept;
    }
    const std::vector<std::byte> bytes = encode(state);
    EXPECT_EQ(decode_state(bytes), state);
}

TEST(StateCodec, RefusesATruncatedState) {
    const std::vector<std::byte> bytes = encode(sample());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_NE(why(std::span(bytes).first(size)), "") << size;
    }
}

TEST(StateCodec, RefusesAStateWithAChangedByte) {
    std::vector<std::byte> bytes = encode(sample());
    for (std::byte& byte : bytes) {
        byte ^= std::byte{0x40};
        EXPECT_NE(why(bytes), "");
        byte ^= std::byte{0x40};
    }
    EXPECT_EQ(why(bytes), "");
}

TEST(StateCodec, ChecksTheContentBehindAValidChecksum) {
    std::mt19937 random(3);
    const std::vector<std::byte> good = encode(sample());
    int refused = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::vector<std::byte> bytes = good;
        for (auto flips = 1 + random() % 3; flips != 0; --flips) {
            bytes[8 + random() % (bytes.size() - 16)] = static_cast<std::byte>(random());
        }
        seal(bytes);
        try {
            for (const ParkedConnection& connection : decode_state(bytes).connections) {
                ASSERT_LE(connection.pending_out, connection.buffered.size());
            }
        } catch (const std::runtime_error&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 0);
}

TEST(StateCodec, SkipsFieldsThatANewerVersionAppended) {
    ParkedState state;
    state.connections.resize(1);
    state.connections[0].messages = 42;
    std::vector<std::byte> bytes = encode(state);
    // Header: magic 8, version 4, config length 4, count 4; then the record's length.
    constexpr std::size_t kVersionAt = 8;
    constexpr std::size_t kLengthAt = 20;
    bytes[kVersionAt] = static_cast<std::byte>(kStateVersion + 1);
    bytes[kLengthAt] = static_cast<std::byte>(static_cast<unsigned>(bytes[kLengthAt]) + 5);
    bytes.insert(bytes.end() - 8, 5, std::byte{0xee});
    seal(bytes);
    EXPECT_EQ(decode_state(bytes), state);
}

TEST(StateCodec, RefusesADurationThatWouldOverflow) {
    ParkedState state = sample();
    for (const Duration wrong : {Duration::max(), Duration(-1), Duration::min()}) {
        state.connections[1].idle = wrong;
        EXPECT_NE(why(encode(state)), "");
    }
}

TEST(StateCodec, RefusesAnOlderVersionByItsNumber) {
    std::vector<std::byte> bytes = encode(sample());
    constexpr std::size_t kVersionAt = 8;
    for (const unsigned version : {0U, 1U}) {
        bytes[kVersionAt] = static_cast<std::byte>(version);
        const std::string expected =
            "its version is " + std::to_string(version) + "; versions from 2 on can be read";
        EXPECT_EQ(why(bytes), expected) << "before the checksum is compared";
        seal(bytes);
        EXPECT_EQ(why(bytes), expected);
    }
}
