// SPDX-License-Identifier: MIT
#include "net/fd_passing.hpp"
#include "server/handover/matching.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

using namespace echod;

namespace {

// `count` sockets, and the records of a state that names them.
struct Sockets {
    explicit Sockets(std::size_t count) : records(count) {
        for (std::size_t i = 0; i < count; ++i) {
            sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
            records[i].messages = i;
            records[i].cookie = socket_cookie(sockets[i].get());
        }
    }
    [[nodiscard]] UniqueFd copy(std::size_t index) const {
        return UniqueFd(::dup(sockets[index].get()));
    }
    // Each record is matched with the descriptor of its own socket.
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

TEST(Matching, FindsDescriptorsByTheirSocketsInAnyOrder) {
    const Sockets sockets(50);
    ReceivedDescriptors received;
    for (std::size_t i = 50; i != 0; --i) {
        received.fds.push_back(sockets.copy((i * 7) % 50));
    }
    const MatchedConnections matched = match_descriptors(sockets.records, std::move(received));
    EXPECT_EQ(matched.fds.size(), 50U);
    sockets.expect_right(matched);
}

TEST(Matching, LosesOnlyTheConnectionWhoseDescriptorIsMissing) {
    const Sockets sockets(10);
    ReceivedDescriptors received;
    received.complete = false;
    for (const std::size_t i : {0U, 1U, 2U, 4U, 6U, 7U, 9U}) {
        received.fds.push_back(sockets.copy(i));
    }
    received.fds.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); // of no record
    const MatchedConnections matched = match_descriptors(sockets.records, std::move(received));
    EXPECT_EQ(matched.fds.size(), 7U);
    sockets.expect_right(matched);
}

TEST(Matching, TakesASocketThatComesTwiceAsOneConnection) {
    const Sockets sockets(2);
    ReceivedDescriptors received;
    received.fds.push_back(sockets.copy(1));
    received.fds.push_back(sockets.copy(1));
    const MatchedConnections matched = match_descriptors(sockets.records, std::move(received));
    EXPECT_EQ(matched.fds.size(), 1U);
    sockets.expect_right(matched);
}

TEST(Matching, ClosesDescriptorsOfConnectionsWithoutACookie) {
    Sockets sockets(3);
    ReceivedDescriptors received;
    for (std::size_t i = 0; i < 3; ++i) {
        sockets.records[i].cookie = 0;
        received.fds.push_back(sockets.copy(i));
    }
    EXPECT_TRUE(match_descriptors(sockets.records, std::move(received)).fds.empty());
}
