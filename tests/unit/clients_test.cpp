// SPDX-License-Identifier: MIT
#include "net/socket.hpp"
#include "server/clients.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// Clients over socketpairs, real epoll, and a clock turned by hand.
class ClientsTest : public testing::Test {
protected:
    ClientsTest() { configure(); }

    void configure() { clients->configure(limits, timeouts); }

    int connect() { return connect_from(Endpoint{}); }
    int connect_from(const Endpoint& peer) {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        EXPECT_TRUE(clients->add(UniqueFd(fds[0]), peer, now));
        peers.emplace_back(fds[1]);
        return fds[1];
    }
    static Endpoint unix_peer() {
        const sockaddr unnamed{AF_UNIX, {}};
        return {&unnamed, sizeof unnamed.sa_family};
    }
    // A message of 8 bytes of payload, and with it a duplicate of the socket's own descriptor.
    static void send_with_descriptor(int fd) {
        std::array<std::byte, kHeaderSize + 8> bytes{};
        encode_header({1, 8}, bytes.data());
        iovec part{bytes.data(), bytes.size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
        ASSERT_EQ(::sendmsg(fd, &message, 0), static_cast<ssize_t>(bytes.size()));
    }
    static void send_messages(int fd, int count, std::size_t payload = 8) {
        std::vector<std::byte> bytes(kHeaderSize + payload);
        encode_header({1, static_cast<std::uint32_t>(payload)}, bytes.data());
        for (int i = 0; i < count; ++i) {
            ASSERT_EQ(send_some(fd, bytes).bytes, bytes.size());
        }
    }
    // The messages of 8 bytes that have come back.
    static int echoes(int fd) {
        std::vector<std::byte> bytes(1 << 16);
        const IoResult got = receive(fd, bytes);
        return static_cast<int>(got.bytes / (kHeaderSize + 8));
    }
    static bool at_end(int fd) {
        std::byte byte{};
        const IoResult got = receive(fd, std::span(&byte, 1));
        return !got.would_block() && got.bytes == 0;
    }
    void look() {
        std::array<epoll_event, 64> events{};
        const int n = epoll.wait(events, 0s);
        for (int i = 0; i < n; ++i) {
            clients->on_event(events[static_cast<std::size_t>(i)].data.u64,
                              events[static_cast<std::size_t>(i)].events);
        }
    }
    void turn() {
        look();
        clients->serve_ready(now, false);
        clients->expire(now);
    }

    // What a process leaves to the next.
    struct Parked {
        UniqueFd fd;
        std::unique_ptr<StateFile> file;
        ParkedState state;
        std::vector<UniqueFd> fds;
    };
    Parked park() {
        std::vector<ParkedConnection> parked;
        std::vector<int> fds;
        clients->park(now, parked, fds);
        Parked left;
        left.fd = make_state_file("", parked);
        left.file = std::make_unique<StateFile>(left.fd.get());
        left.state = decode_state(left.file->bytes());
        for (const int fd : fds) {
            left.fds.emplace_back(::dup(fd));
        }
        clients->forget_parked(parked.size());
        return left;
    }

    TimePoint now{1h};
    Config::Limits limits;
    Config::Timeouts timeouts;
    Epoll epoll;
    Counters counters;
    std::unique_ptr<Clients> clients = std::make_unique<Clients>(epoll, counters);
    std::vector<UniqueFd> peers;
};

std::uint64_t closed(const Counters& counters, CloseReason reason) {
    return counters.closed[static_cast<std::size_t>(reason)];
}

} // namespace

TEST_F(ClientsTest, AFloodIsServedItsQuotaATurnWhileOthersWait) {
    const int flood = connect();
    const int modest = connect();
    send_messages(flood, 100);
    send_messages(modest, 1);
    turn();
    EXPECT_EQ(echoes(flood), 10);
    EXPECT_EQ(echoes(modest), 1);
    EXPECT_TRUE(clients->has_ready()) << "the flood has more and no edge will tell";
}

TEST_F(ClientsTest, AloneAFloodIsServedInOneTurn) {
    const int flood = connect();
    send_messages(flood, 100);
    turn();
    EXPECT_EQ(echoes(flood), 100);
    EXPECT_FALSE(clients->has_ready());
}

TEST_F(ClientsTest, EveryClientIsVisitedOnceATurnWhateverItsNeighboursSend) {
    std::vector<int> fds;
    for (int i = 0; i < 20; ++i) {
        fds.push_back(connect());
        send_messages(fds.back(), 25);
    }
    for (const int expected : {10, 10, 5}) {
        turn();
        for (const int fd : fds) {
            EXPECT_EQ(echoes(fd), expected);
        }
    }
    EXPECT_FALSE(clients->has_ready());
}

TEST_F(ClientsTest, TurnsSatOutAreSavedUpToThreeAndAFloodSavesNothing) {
    const int burst = connect();
    const int other = connect();
    for (int i = 0; i < 10; ++i) {
        send_messages(other, 1);
        turn();
    }
    EXPECT_EQ(echoes(other), 10);
    send_messages(burst, 100);
    for (const int expected : {40, 10, 10}) {
        send_messages(other, 1);
        turn();
        EXPECT_EQ(echoes(burst), expected);
        EXPECT_EQ(echoes(other), 1);
    }
}

TEST_F(ClientsTest, AStaleTokenFindsNobody) {
    const int first = connect();
    send_messages(first, 1);
    std::array<epoll_event, 4> events{};
    ASSERT_EQ(epoll.wait(events, 0s), 1);
    clients->close_all(CloseReason::stopped);
    const int second = connect(); // takes the slot, and perhaps the descriptor's number
    clients->on_event(events[0].data.u64, events[0].events);
    EXPECT_FALSE(clients->has_ready());
    EXPECT_FALSE(at_end(second));
}

TEST_F(ClientsTest, IdleConnectionsAreClosedWhenTheirTimeIsUpAndNotBefore) {
    const int quiet = connect();
    now += 10s;
    const int busy = connect();
    EXPECT_EQ(clients->next_deadline(), now - 10s + timeouts.idle);
    now += 20s - 1ns;
    turn();
    EXPECT_EQ(clients->open(), 2U);
    now += 1ns;
    turn();
    EXPECT_EQ(clients->open(), 1U);
    EXPECT_TRUE(at_end(quiet));
    EXPECT_FALSE(at_end(busy));
    EXPECT_EQ(closed(counters, CloseReason::idle_timeout), 1U);
}

TEST_F(ClientsTest, ActivityPostponesTheIdleDeadline) {
    const int fd = connect();
    for (int i = 0; i < 5; ++i) {
        now += 20s;
        send_messages(fd, 1);
        turn();
        ASSERT_EQ(clients->open(), 1U);
        EXPECT_EQ(clients->next_deadline(), now + timeouts.idle);
    }
}

TEST_F(ClientsTest, ZeroMeansNever) {
    timeouts = {0s, 0s, 0s, 0s};
    configure();
    const int fd = connect();
    send_messages(fd, 1);
    const std::byte part{};
    ASSERT_EQ(send_some(fd, std::span(&part, 1)).bytes, 1U);
    turn();
    EXPECT_EQ(clients->next_deadline(), std::nullopt);
    now += 1000h;
    turn();
    EXPECT_EQ(clients->open(), 1U);
}

TEST_F(ClientsTest, AMessageMustBeCompleteInTimeHoweverOftenAByteComes) {
    const int fd = connect();
    std::vector<std::byte> bytes(kHeaderSize + 100);
    encode_header({1, 100}, bytes.data());
    for (std::size_t second = 0; second < 10; ++second) {
        ASSERT_EQ(send_some(fd, std::span(bytes).subspan(second, 1)).bytes, 1U);
        turn();
        ASSERT_EQ(clients->open(), 1U) << second;
        now += 1s;
    }
    turn();
    EXPECT_EQ(clients->open(), 0U);
    EXPECT_EQ(closed(counters, CloseReason::message_timeout), 1U);
}

TEST_F(ClientsTest, APeerThatReadsNothingIsCutOffAfterTheWriteTimeout) {
    timeouts.idle = 0s;
    configure();
    const int fd = connect();
    while (counters.stalls == 0) {
        send_messages(fd, 16, 1016);
        turn();
    }
    for (int quarter = 1; quarter < 4; ++quarter) {
        now += timeouts.write / 4;
        turn();
        ASSERT_EQ(clients->open(), 1U);
    }
    now += timeouts.write / 4;
    turn();
    EXPECT_EQ(clients->open(), 0U);
    EXPECT_EQ(closed(counters, CloseReason::write_timeout), 1U);
    EXPECT_EQ(clients->kept_bytes(), 0U);
}

TEST_F(ClientsTest, AStalledClientIsServedAgainWhenItReads) {
    const int fd = connect();
    while (counters.stalls == 0) {
        send_messages(fd, 16, 1016);
        turn();
    }
    std::vector<std::byte> bytes(1 << 16);
    std::uint64_t read = 0;
    for (int i = 0; i < 1000 && (read < counters.bytes_in || clients->has_ready()); ++i) {
        read += receive(fd, bytes).bytes;
        turn();
    }
    EXPECT_EQ(read, counters.bytes_in);
    EXPECT_EQ(counters.messages_in, counters.messages_out);
}

TEST_F(ClientsTest, TheLongestIdleIsEvicted) {
    limits.when_full = WhenFull::evict;
    configure();
    const int first = connect();
    now += 1us;
    const int second = connect();
    now += 1us;
    const int third = connect();
    now += 1us;
    send_messages(first, 1);
    turn();
    clients->evict_longest_idle();
    EXPECT_TRUE(at_end(second));
    clients->evict_longest_idle();
    EXPECT_TRUE(at_end(third));
    EXPECT_EQ(echoes(first), 1);
    EXPECT_EQ(closed(counters, CloseReason::evicted), 2U);
}

TEST_F(ClientsTest, NewTimeoutsHoldForClocksThatRun) {
    (void)connect();
    now += 5s;
    turn();
    EXPECT_EQ(clients->open(), 1U);
    timeouts.idle = 5s;
    configure();
    turn();
    EXPECT_EQ(clients->open(), 0U);
}

TEST_F(ClientsTest, ADrainEndsWhoeverHasNothingLeftToDo) {
    const int idle = connect();
    const int busy = connect();
    const int halfway = connect();
    send_messages(busy, 30);
    const std::byte byte{};
    ASSERT_EQ(send_some(halfway, std::span(&byte, 1)).bytes, 1U);
    clients->start_drain(now);
    while (clients->has_ready()) {
        turn();
    }
    EXPECT_TRUE(at_end(idle));
    EXPECT_EQ(echoes(busy), 30);
    EXPECT_TRUE(at_end(busy));
    EXPECT_FALSE(at_end(halfway)) << "a message that has begun may be completed";
    now += 1s; // nobody closes its side: lingering is over
    turn();
    EXPECT_EQ(clients->open(), 1U);
    EXPECT_EQ(closed(counters, CloseReason::drained), 2U);
}

TEST_F(ClientsTest, ParkedConnectionsGoOnInAnotherSetWithNothingLost) {
    const int stalled = connect();
    const int half = connect();
    const int queued = connect();
    std::vector<std::byte> message(kHeaderSize + 8);
    encode_header({1, 8}, message.data());
    while (counters.stalls == 0) {
        send_messages(stalled, 16, 1016);
        turn();
    }
    send_messages(queued, 60);
    ASSERT_EQ(send_some(half, std::span(message).first(11)).bytes, 11U);
    limits.quota_messages = 1; // and three saved
    configure();
    turn();
    EXPECT_EQ(echoes(queued), 4);

    Parked left = park();
    ASSERT_EQ(left.state.connections.size(), 3U);
    EXPECT_EQ(clients->open(), 0U);
    EXPECT_EQ(closed(counters, CloseReason::parked), 3U);
    EXPECT_EQ(counters.bytes_in, counters.bytes_out + counters.bytes_parked);
    EXPECT_EQ(counters.messages_in, counters.messages_out + counters.messages_parked);

    const Counters before = counters;
    counters = {};
    EXPECT_EQ(clients->restore(left.state.connections, left.fds, now), 0U);
    EXPECT_EQ(counters.restored, 3U);
    EXPECT_EQ(counters.bytes_restored, before.bytes_parked);
    ASSERT_EQ(send_some(half, std::span(message).subspan(11)).bytes, message.size() - 11);
    std::vector<std::byte> bytes(1 << 16);
    std::uint64_t read = 0;
    int rest = 0;
    for (int i = 0; i < 1000; ++i) {
        turn();
        read += receive(stalled, bytes).bytes;
        rest += echoes(queued);
    }
    EXPECT_EQ(rest, 56);
    EXPECT_EQ(echoes(half), 1);
    const std::uint64_t others = 61 * (kHeaderSize + 8);
    EXPECT_EQ(read + others, before.bytes_in + counters.bytes_in);
    EXPECT_EQ(counters.messages_in + counters.messages_restored, counters.messages_out);
}

TEST_F(ClientsTest, AMessageThatHadBegunKeepsItsClockOverARestart) {
    (void)connect();
    const int late = connect();
    const std::byte byte{};
    ASSERT_EQ(send_some(late, std::span(&byte, 1)).bytes, 1U);
    turn();
    now += 4s;
    Parked left = park();
    ASSERT_EQ(clients->restore(left.state.connections, left.fds, now), 0U);
    turn();
    EXPECT_EQ(clients->next_deadline(), now + timeouts.message - 4s);
}

TEST_F(ClientsTest, APeerThatDoesNotReadKeepsItsClockOverARestart) {
    const int stalled = connect();
    while (counters.stalls == 0) {
        send_messages(stalled, 16, 1016);
        turn();
    }
    now += timeouts.write / Connection::kWriteLooks; // the first look
    turn();
    now += 100ms;
    Parked left = park();
    ASSERT_EQ(clients->restore(left.state.connections, left.fds, now), 0U);
    turn();
    EXPECT_EQ(clients->next_deadline(), now + timeouts.write / Connection::kWriteLooks - 100ms);
    now -= 100ms;
    for (int looks = 1; looks < Connection::kWriteLooks; ++looks) {
        EXPECT_EQ(clients->open(), 1U) << looks;
        now += timeouts.write / Connection::kWriteLooks;
        turn();
    }
    EXPECT_EQ(closed(counters, CloseReason::write_timeout), 1U);
}

TEST_F(ClientsTest, TheMostRecentlyActiveAreTheFirstToBeHandedOver) {
    std::vector<int> peer_fds;
    for (int i = 0; i < 3; ++i) {
        peer_fds.push_back(connect());
        now += 1s;
    }
    send_messages(peer_fds[0], 1);
    turn();
    Parked left = park();
    ASSERT_EQ(left.state.connections.size(), 3U);
    EXPECT_EQ(left.state.connections[0].messages, 1U);
    EXPECT_LT(left.state.connections[1].idle, left.state.connections[2].idle);
    ASSERT_EQ(clients->restore(left.state.connections, left.fds, now), 0U);
    clients->evict_longest_idle();
    EXPECT_TRUE(at_end(peer_fds[1])) << "the longest idle is so in the next process too";
}

TEST_F(ClientsTest, AddressesAreCountedFromTheReloadOnThatLimitsThem) {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(listener.get(), 8), 0); // bound to a port of the kernel's choice
    const Endpoint at = *parse_ip("127.0.0.1", local_endpoint(listener.get()).port());
    for (int i = 0; i < 3; ++i) {
        peers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(peers.back().get(), at.address(), at.length()), 0);
        UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        const Endpoint peer = peer_endpoint(fd.get());
        ASSERT_TRUE(clients->add(std::move(fd), peer, now));
    }
    EXPECT_EQ(clients->held_by(at), 0U) << "nobody asks";
    limits.max_connections_per_ip = 2;
    configure();
    EXPECT_EQ(clients->held_by(at), 3U);
    peers.pop_back();
    turn();
    EXPECT_EQ(clients->held_by(at), 2U);
    limits.max_connections_per_ip = 0;
    configure();
    EXPECT_EQ(clients->held_by(at), 0U);
    clients->close_all(CloseReason::stopped);
    EXPECT_EQ(clients->open(), 0U);
}

TEST_F(ClientsTest, AnIdleClientCostsItsRecordAlone) {
    for (int i = 0; i < 100; ++i) {
        (void)connect();
    }
    turn();
    EXPECT_EQ(clients->kept_bytes(), 0U);
    EXPECT_LE(sizeof(Client), 144U);
}

TEST_F(ClientsTest, WhateverHappensEveryAcceptedConnectionIsCountedOnce) {
    for (int i = 0; i < 10; ++i) {
        (void)connect();
    }
    peers[0].reset();
    turn();
    EXPECT_EQ(closed(counters, CloseReason::peer), 1U);
    clients->close_all(CloseReason::stopped);
    EXPECT_EQ(counters.accepted, 10U);
    EXPECT_EQ(counters.closed_total(), 10U);
}

TEST_F(ClientsTest, AUnixPeerThatPassesDescriptorsGetsEveryEcho) {
    const int fd = connect_from(unix_peer());
    for (int i = 0; i < 3; ++i) {
        send_with_descriptor(fd);
    }
    turn();
    for (int i = 0; i < 4 && clients->has_ready(); ++i) {
        turn();
    }
    EXPECT_EQ(echoes(fd), 3);
}
