// SPDX-License-Identifier: MIT
#include "net/epoll.hpp"
#include "net/socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <system_error>

#include <array>

using namespace echod;
using namespace std::chrono_literals;

namespace {

struct Pair {
    Pair() {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        ours.reset(fds[0]);
        theirs.reset(fds[1]);
    }
    UniqueFd ours;
    UniqueFd theirs;
};

} // namespace

TEST(Socket, ReceiveDistinguishesBytesWouldBlockAndEndOfFile) {
    Pair pair;
    std::array<std::byte, 16> buffer{};
    EXPECT_TRUE(receive(pair.ours.get(), buffer).would_block());
    const std::array<std::byte, 3> sent{};
    EXPECT_EQ(send_some(pair.theirs.get(), sent).bytes, 3U);
    EXPECT_EQ(receive(pair.ours.get(), buffer).bytes, 3U);
    pair.theirs.reset();
    const IoResult end = receive(pair.ours.get(), buffer);
    EXPECT_EQ(end.bytes, 0U);
    EXPECT_EQ(end.error, 0);
}

TEST(Socket, SendToAClosedPeerReturnsAnErrorWithoutASignal) {
    Pair pair;
    pair.theirs.reset();
    const std::array<std::byte, 1> byte{};
    EXPECT_EQ(send_some(pair.ours.get(), byte).error, EPIPE);
}

TEST(Socket, AListenerThatCannotBindNamesItsEndpoint) {
    const UniqueFd first = listen_at(*parse_ip("127.0.0.1", 0), 1);
    const Endpoint taken = local_endpoint(first.get());
    try {
        const UniqueFd second = listen_at(taken, 1);
        ADD_FAILURE() << "two listeners on " << taken.to_string();
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), EADDRINUSE);
        EXPECT_NE(std::string(error.what()).find(taken.to_string()), std::string::npos);
    }
}

TEST(Socket, TheBacklogLengthOfAListenerIsKnown) {
    const UniqueFd listener = listen_at(*parse_ip("127.0.0.1", 0), 8);
    EXPECT_EQ(backlog_length(listener.get()), 0U);
    const Endpoint at = local_endpoint(listener.get());
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client.get(), at.address(), at.length()), 0);
    EXPECT_EQ(backlog_length(listener.get()), 1U);
}

TEST(Epoll, ModifyReportsAgainWhatIsAlreadyReady) {
    Pair pair;
    Epoll epoll;
    std::array<epoll_event, 4> events{};
    ASSERT_EQ(epoll.add(pair.ours.get(), EPOLLIN | EPOLLET, 42), 0);
    const std::array<std::byte, 1> byte{};
    ASSERT_EQ(send_some(pair.theirs.get(), byte).bytes, 1U);
    EXPECT_EQ(epoll.wait(events, 1s), 1);
    EXPECT_EQ(events[0].data.u64, 42U);
    EXPECT_EQ(epoll.wait(events, 0s), 0) << "an edge comes once";
    ASSERT_EQ(epoll.modify(pair.ours.get(), EPOLLIN | EPOLLET, 43), 0);
    EXPECT_EQ(epoll.wait(events, 0s), 1);
    EXPECT_EQ(events[0].data.u64, 43U);
}

TEST(Epoll, AWaitNeverEndsBeforeItsTimeout) {
    Epoll epoll;
    std::array<epoll_event, 1> events{};
    const TimePoint before = Clock::now();
    EXPECT_EQ(epoll.wait(events, 1500us), 0);
    EXPECT_GE(Clock::now() - before, 1500us);
}
