// SPDX-License-Identifier: MIT
#include "net/fd_passing.hpp"
#include "server/handover.hpp"
#include "server/matching.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <random>

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
    one.kept = kThree;
    one.cookie = 0x8000'0000'0000'0001U;
    ParkedConnection two;
    two.owed = 100;
    two.owed_messages = 2;
    two.peer_done = true;
    two.invalid = true;
    two.kept = kMany;
    two.write_age = 1s;
    two.stuck_looks = 3;
    two.unread = 1'000'000;
    state.connections = {one, two, ParkedConnection{}};
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

// Makes the checksum right again after a change.
void seal(std::vector<std::byte>& bytes) {
    const std::uint64_t checksum = state_checksum(std::span(bytes).first(bytes.size() - 8));
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[bytes.size() - 8 + i] = static_cast<std::byte>((checksum >> (8 * i)) & 0xffU);
    }
}

// A state as version 1 wrote it: one connection that keeps three bytes.
std::vector<std::byte> version_1() {
    std::vector<std::byte> state;
    const auto number = [&state](std::size_t size, std::uint64_t value) {
        for (std::size_t i = 0; i < size; ++i) {
            state.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xffU));
        }
    };
    number(8, 0x746174736f686365U); // "echostat"
    number(4, 1);                   // the version
    number(4, 0);                   // of the configuration, nothing
    number(4, 1);                   // one record
    number(4, 53);                  // of this length
    number(8, 42);                  // messages
    number(8, 2);                   // bytes
    for (int i = 0; i < 3; ++i) {
        number(8, 0); // a duration
    }
    number(6, 0); // two numbers and two flags
    number(4, 3);
    state.insert(state.end(), kThree.begin(), kThree.end());
    number(8, 0); // the checksum
    seal(state);
    return state;
}

// `count` sockets, and the records of a state that names them.
struct Crowd {
    explicit Crowd(std::size_t count) : records(count) {
        for (std::size_t i = 0; i < count; ++i) {
            sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
            records[i].messages = i;
            records[i].cookie = socket_cookie(sockets[i].get());
        }
    }
    [[nodiscard]] UniqueFd copy(std::size_t index) const {
        return UniqueFd(::dup(sockets[index].get()));
    }
    // Each record stands with the descriptor of its own socket.
    void expect_right(const MatchedConnections& matched) const {
        ASSERT_EQ(matched.connections.size(), matched.fds.size());
        for (std::size_t i = 0; i < matched.fds.size(); ++i) {
            EXPECT_EQ(socket_cookie(matched.fds[i].get()),
                      socket_cookie(sockets[matched.connections[i].messages].get()));
        }
    }
    std::vector<UniqueFd> sockets;
    std::vector<ParkedConnection> records;
};

} // namespace

TEST(Handover, WhatIsWrittenReadsBackTheSame) {
    const std::vector<std::byte> bytes = encode(sample());
    EXPECT_EQ(decode_state(bytes), sample());
    const std::vector<std::byte> empty = encode({});
    EXPECT_EQ(decode_state(empty), ParkedState{});
}

TEST(Handover, WhatIsLargerThanAnyBufferReadsBackTheSame) {
    const std::vector<std::byte> kept(32 * 1024 - 3, std::byte{7});
    ParkedState state;
    state.connections.resize(40);
    for (ParkedConnection& connection : state.connections) {
        connection.kept = kept;
    }
    const std::vector<std::byte> bytes = encode(state);
    EXPECT_EQ(decode_state(bytes), state);
}

TEST(Handover, WhatVersion1WroteIsRead) {
    const std::vector<std::byte> bytes = version_1();
    const ParkedState state = decode_state(bytes);
    ASSERT_EQ(state.connections.size(), 1U);
    EXPECT_EQ(state.connections[0].messages, 42U);
    EXPECT_EQ(state.connections[0].bytes, 2U);
    EXPECT_EQ(state.connections[0].kept.size(), 3U);
    EXPECT_EQ(state.connections[0].cookie, 0U);
}

TEST(Handover, AFileThatSomebodyCouldStillCutIsRefused) {
    const UniqueFd file(::memfd_create("state", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file.get(), 100), 0);
    EXPECT_THROW(StateFile(file.get()), std::runtime_error);
    EXPECT_THROW(StateFile(-1), std::runtime_error);
}

TEST(Handover, TheStateFileCannotBeChanged) {
    const UniqueFd file = make_state_file(sample().config, sample().connections);
    EXPECT_LT(::write(file.get(), "x", 1), 0);
    EXPECT_LT(::ftruncate(file.get(), 1), 0);
}

TEST(Handover, EveryCutIsRefused) {
    const std::vector<std::byte> bytes = encode(sample());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_NE(why(std::span(bytes).first(size)), "") << size;
    }
}

TEST(Handover, EveryFlippedByteIsRefused) {
    std::vector<std::byte> bytes = encode(sample());
    for (std::byte& byte : bytes) {
        byte ^= std::byte{0x40};
        EXPECT_NE(why(bytes), "");
        byte ^= std::byte{0x40};
    }
    EXPECT_EQ(why(bytes), "");
}

TEST(Handover, NoContentIsTrustedBehindARightChecksum) {
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

TEST(Handover, ADurationThatWouldOverflowIsRefused) {
    ParkedState state = sample();
    for (const Duration wrong : {Duration::max(), Duration(-1), Duration::min()}) {
        state.connections[1].idle = wrong;
        EXPECT_NE(why(encode(state)), "");
    }
}

TEST(Handover, DescriptorsAreFoundByTheirSocketsInWhateverOrderTheyCome) {
    const Crowd crowd(50);
    ReceivedDescriptors received;
    for (std::size_t i = 50; i != 0; --i) {
        received.fds.push_back(crowd.copy((i * 7) % 50));
    }
    const MatchedConnections matched = match_descriptors(crowd.records, std::move(received));
    EXPECT_EQ(matched.fds.size(), 50U);
    crowd.expect_right(matched);
}

TEST(Handover, ADescriptorThatIsMissingCostsItsConnectionAlone) {
    const Crowd crowd(10);
    ReceivedDescriptors received;
    received.complete = false;
    for (const std::size_t i : {0U, 1U, 2U, 4U, 6U, 7U, 9U}) {
        received.fds.push_back(crowd.copy(i));
    }
    received.fds.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); // nobody's
    const MatchedConnections matched = match_descriptors(crowd.records, std::move(received));
    EXPECT_EQ(matched.fds.size(), 7U);
    crowd.expect_right(matched);
}

TEST(Handover, ASocketThatComesTwiceIsOneConnection) {
    const Crowd crowd(2);
    ReceivedDescriptors received;
    received.fds.push_back(crowd.copy(1));
    received.fds.push_back(crowd.copy(1));
    const MatchedConnections matched = match_descriptors(crowd.records, std::move(received));
    EXPECT_EQ(matched.fds.size(), 1U);
    crowd.expect_right(matched);
}

TEST(Handover, WithoutCookiesTheOrderHoldsOnlyWhereNothingIsMissing) {
    Crowd crowd(3);
    for (ParkedConnection& record : crowd.records) {
        record.cookie = 0;
    }
    const auto all = [&crowd] {
        ReceivedDescriptors received;
        for (std::size_t i = 0; i < 3; ++i) {
            received.fds.push_back(crowd.copy(i));
        }
        return received;
    };
    const MatchedConnections matched = match_descriptors(crowd.records, all());
    EXPECT_EQ(matched.fds.size(), 3U);
    crowd.expect_right(matched);

    ReceivedDescriptors cut = all();
    cut.complete = false;
    EXPECT_TRUE(match_descriptors(crowd.records, std::move(cut)).fds.empty());
    ReceivedDescriptors fewer = all();
    fewer.fds.erase(fewer.fds.begin());
    EXPECT_TRUE(match_descriptors(crowd.records, std::move(fewer)).fds.empty());
}

TEST(FdPassing, TheEndOfAStreamIsTheEnd) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
    const UniqueFd near(fds[0]);
    ::close(fds[1]);
    EXPECT_TRUE(receive_descriptors(near.get()).fds.empty());
}

TEST(FdPassing, WhetherAnybodyHoldsTheOtherEndCanBeTold) {
    auto [near, far] = datagram_pair();
    UniqueFd kept(::dup(far.get()));
    far.reset();
    EXPECT_TRUE(other_end_is_held(near.get()));
    EXPECT_EQ(send_descriptors(near.get(), std::array{near.get()}).count, 1U);
    EXPECT_TRUE(other_end_is_held(near.get()));
    EXPECT_EQ(receive_descriptors(kept.get()).fds.size(), 1U) << "a question brings no descriptor";
    kept.reset();
    EXPECT_FALSE(other_end_is_held(near.get()));
}

TEST(FdPassing, DescriptorsThatTheKernelLeavesOutAreSaid) {
    auto [near, far] = datagram_pair();
    const int on = 1; // credentials come first, and take the room of some
    ASSERT_EQ(::setsockopt(far.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    const std::vector<int> fds(253, near.get());
    ASSERT_EQ(send_descriptors(near.get(), fds).count, fds.size());
    const ReceivedDescriptors received = receive_descriptors(far.get());
    EXPECT_FALSE(received.complete);
    EXPECT_LT(received.fds.size(), fds.size());
    EXPECT_GT(received.fds.size(), 0U);
}

TEST(FdPassing, ThousandsOfDescriptorsGoThroughOneSocketInOrderAfterTheSenderIsGone) {
    auto [near, far] = datagram_pair();
    std::vector<UniqueFd> files;
    std::vector<int> fds;
    for (int i = 0; i < 600; ++i) {
        files.emplace_back(::memfd_create("file", MFD_CLOEXEC));
        ASSERT_EQ(::ftruncate(files.back().get(), i), 0);
        fds.push_back(files.back().get());
    }
    EXPECT_EQ(send_descriptors(near.get(), fds).count, fds.size());
    near.reset();
    files.clear();
    const std::vector<UniqueFd> received = receive_descriptors(far.get()).fds;
    ASSERT_EQ(received.size(), 600U);
    for (std::size_t i = 0; i < received.size(); ++i) {
        struct stat status {};
        ASSERT_EQ(::fstat(received[i].get(), &status), 0);
        ASSERT_EQ(static_cast<std::size_t>(status.st_size), i);
    }
}

TEST(FdPassing, MoreDescriptorsGoThanASendBufferOfTheUsualSizeHolds) {
    auto [near, far] = datagram_pair();
    const UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
    const std::vector<int> fds(100'000, file.get());
    const SentDescriptors sent = send_descriptors(near.get(), fds);
    if (sent.error == ETOOMANYREFS) {
        GTEST_SKIP() << "RLIMIT_NOFILE allows " << sent.count << " in flight";
    }
    EXPECT_EQ(sent.error, 0);
    EXPECT_EQ(sent.count, fds.size());
}

TEST(FdPassing, ASocketThatIsFullIsSaid) {
    auto [near, far] = datagram_pair();
    const int least = 0; // the kernel takes its least: socket(7)
    ASSERT_EQ(::setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    const UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
    const SentDescriptors sent = send_descriptors(near.get(), std::vector<int>(10'000, file.get()));
    EXPECT_EQ(sent.error, EAGAIN);
    EXPECT_GT(sent.count, 0U);
    EXPECT_EQ(receive_descriptors(far.get()).fds.size(), sent.count);
}
