// SPDX-License-Identifier: MIT
#include "net/socket.hpp"
#include "server/clients/clients.hpp"
#include "server/handover/state_codec.hpp"
#include "server/handover/state_file.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// Clients over socketpairs and a real epoll, with a clock that the test sets.
class ClientsTest : public testing::Test {
protected:
    ClientsTest() { configure(); }

    void configure() { clients->configure(limits, timeouts); }

    int connect() { return connect_from(Endpoint{}); }
    int connect_from(const Endpoint& peer) {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        EXPECT_EQ(clients->add(UniqueFd(fds[0]), peer, now), 0);
        peers.emplace_back(fds[1]);
        return fds[1];
    }
    static Endpoint unix_peer() {
        const sockaddr unnamed{AF_UNIX, {}};
        return {&unnamed, sizeof unnamed.sa_family};
    }
    // Sends a message with 8 bytes of payload and a duplicate of the socket's own descriptor.
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
    // The number of echoes with 8 bytes of payload that have arrived.
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
    void dispatch_events() {
        std::array<epoll_event, 64> events{};
        for (int n = 64; n == 64;) {
            n = epoll.wait(events, 0s);
            for (int i = 0; i < n; ++i) {
                clients->on_event(events[static_cast<std::size_t>(i)].data.u64,
                                  events[static_cast<std::size_t>(i)].events);
            }
        }
    }
    // Connections that always have more to do than two receive buffers.
    std::vector<int> connect_floods(int count) {
        std::vector<int> floods;
        for (int i = 0; i < count; ++i) {
            floods.push_back(connect());
            send_messages(floods.back(), kFloodMessages, kMaxPayload);
        }
        return floods;
    }
    // Reads the echoes of a flood of large messages, and sends as many messages again.
    static std::size_t feed(int flood) {
        std::vector<std::byte> bytes(1 << 18);
        const std::size_t count = receive(flood, bytes).bytes / kMaxMessage;
        send_messages(flood, static_cast<int>(count), kMaxPayload);
        return count;
    }
    static constexpr int kFloodMessages = 70;
    void iterate() {
        dispatch_events();
        clients->serve_ready(now);
        clients->expire(now);
    }

    // What the old process hands over to the new one.
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
        clients->close_handed_over(parked.size());
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

TEST_F(ClientsTest, AClientBelowTheQuotaIsServedInTheIterationThatSeesItsMessages) {
    const std::vector<int> floods = connect_floods(200);
    const int single = connect();
    iterate(); // after their first visit they are in the bulk queue
    for (int i = 0; i < 100; ++i) {
        send_messages(single, 1 + i % 10);
        iterate();
        ASSERT_EQ(echoes(single), 1 + i % 10) << i;
        for (const int flood : floods) {
            (void)feed(flood);
        }
    }
}

TEST_F(ClientsTest, AnIterationVisitsAtMostSixteenConnectionsOfTheBulkQueue) {
    constexpr std::uint64_t kFirstVisit = 11; // one message more than the quota
    constexpr std::uint64_t kVisit = kReceiveBuffer / kMaxMessage;
    const std::vector<int> floods = connect_floods(40);
    iterate();
    EXPECT_EQ(counters.messages_out, 40 * kFirstVisit);
    EXPECT_EQ(counters.quota_turns, 40U);
    for (std::uint64_t i = 1; i < 3; ++i) {
        iterate();
        EXPECT_EQ(counters.messages_out, 40 * kFirstVisit + i * 16 * kVisit);
        EXPECT_TRUE(clients->has_ready()) << "no edge will come for what is left";
    }
}

TEST_F(ClientsTest, FloodsAreServedEvenly) {
    const std::vector<int> floods = connect_floods(50);
    std::vector<std::size_t> served(floods.size());
    for (int i = 0; i < 500; ++i) {
        iterate();
        for (std::size_t flood = 0; flood < floods.size(); ++flood) {
            served[flood] += feed(floods[flood]);
        }
    }
    const auto [least, most] = std::minmax_element(served.begin(), served.end());
    EXPECT_GT(*least, 100 * kReceiveBuffer / kMaxMessage);
    EXPECT_LE(*most - *least, 2 * kReceiveBuffer / kMaxMessage) << "two visits at most";
}

TEST_F(ClientsTest, ABurstAfterSilenceIsServedNoFurtherThanOneMessageAboveTheQuota) {
    const std::vector<int> floods = connect_floods(100);
    const int player = connect();
    iterate();
    std::uint64_t echoed = 0;
    for (int i = 0; i < 20; ++i) {
        send_messages(player, 60, kMaxPayload);
        iterate(); // the first visit of the burst is prompt, what is left waits with the floods
        std::vector<std::byte> bytes(1 << 18);
        echoed += receive(player, bytes).bytes / kMaxMessage;
        ASSERT_LE(echoed, 11U);
        for (int rest = 0; rest < 40 && echoed < 60; ++rest) {
            for (const int flood : floods) {
                (void)feed(flood);
            }
            iterate();
            echoed += receive(player, bytes).bytes / kMaxMessage;
        }
        ASSERT_EQ(echoed, 60U);
        echoed = 0;
        send_messages(player, 1); // a visit of the bulk queue, and it is prompt again
        for (int rest = 0; rest < 40 && echoes(player) == 0; ++rest) {
            iterate();
        }
    }
}

TEST_F(ClientsTest, ManyConnectionsAtOrJustBelowTheQuotaAreOneVisitOfThatSizeEach) {
    const int single = connect();
    std::vector<int> many;
    for (int i = 0; i < 100; ++i) {
        many.push_back(connect());
    }
    for (const int count : {10, 9, 10}) {
        const std::uint64_t before = counters.messages_out;
        for (const int fd : many) {
            send_messages(fd, count, kMaxPayload);
        }
        send_messages(single, 1);
        iterate();
        EXPECT_EQ(echoes(single), 1);
        EXPECT_EQ(counters.messages_out - before, 100U * static_cast<unsigned>(count) + 1);
        for (const int fd : many) {
            (void)echoes(fd);
        }
    }
    EXPECT_EQ(counters.quota_turns, 0U);
}

TEST_F(ClientsTest, AlternatingBurstsOfManyDelayAClientByNoMoreThanTheQuotaAllows) {
    constexpr std::uint64_t kMany = 100;
    constexpr std::uint64_t kMost = 16 * kReceiveBuffer + kMany * 11 * kMaxMessage + kMaxMessage;
    const int single = connect();
    std::vector<int> many;
    for (std::uint64_t i = 0; i < kMany; ++i) {
        many.push_back(connect());
    }
    for (int i = 0; i < 60; ++i) {
        const std::uint64_t before = counters.bytes_out;
        for (std::size_t fd = 0; fd < many.size(); ++fd) {
            // Bursts of different lengths, each followed by single messages.
            const bool burst = (fd + static_cast<std::size_t>(i)) % 3 == 0;
            send_messages(many[fd], burst ? 10 + static_cast<int>(fd % 30) : 1, kMaxPayload);
        }
        send_messages(single, 1);
        iterate();
        ASSERT_EQ(echoes(single), 1) << i;
        ASSERT_LE(counters.bytes_out - before, kMost) << i;
        for (int rest = 0; clients->has_ready(); ++rest) {
            send_messages(single, 1);
            iterate();
            ASSERT_EQ(echoes(single), 1) << i;
            ASSERT_LT(rest, 20);
        }
        for (const int fd : many) {
            (void)echoes(fd);
        }
    }
}

TEST_F(ClientsTest, AClientThatSendsLessAgainIsServedInEveryIteration) {
    const std::vector<int> floods = connect_floods(100);
    const int client = connect();
    send_messages(client, 11);
    iterate();
    EXPECT_EQ(echoes(client), 11);
    send_messages(client, 1);
    int iterations = 0;
    for (int echoed = 0; echoed == 0; ++iterations) {
        iterate();
        echoed = echoes(client);
        ASSERT_LT(iterations, 10) << "100 floods and 16 visits an iteration";
    }
    EXPECT_GT(iterations, 1) << "it had more than the quota, so it waited once";
    send_messages(client, 1);
    iterate();
    EXPECT_EQ(echoes(client), 1);
}

TEST_F(ClientsTest, BurstsSlightlyAboveTheQuotaAreServedInOneVisitEachFromTheSecondOn) {
    const int client = connect();
    send_messages(client, 16, kMaxPayload);
    iterate();
    EXPECT_EQ(counters.messages_out, 11U);
    iterate();
    EXPECT_EQ(counters.messages_out, 16U);
    for (std::uint64_t burst = 2; burst < 5; ++burst) {
        send_messages(client, 16, kMaxPayload);
        iterate();
        EXPECT_EQ(counters.messages_out, burst * 16);
    }
}

TEST_F(ClientsTest, ASingleReadyConnectionIsServedWithoutAPause) {
    const int flood = connect();
    send_messages(flood, kFloodMessages, kMaxPayload);
    for (const std::uint64_t expected : {11U, 43U, 70U}) {
        iterate();
        EXPECT_EQ(counters.messages_out, expected);
    }
    EXPECT_FALSE(clients->has_ready());
}

TEST_F(ClientsTest, AWriteDeadlineIsNotJudgedBeforeRoomThatNoEventHasReported) {
    timeouts.idle = 0s;
    configure();
    const int fd = connect();
    while (counters.stalls == 0) {
        send_messages(fd, 16, 1016);
        iterate();
    }
    std::vector<std::byte> bytes(1 << 20);
    for (int sample = 0; sample < 8; ++sample) {
        while (receive(fd, bytes).bytes != 0) {
        }
        now += timeouts.write / 4;
        clients->expire(now); // its EPOLLOUT was not dispatched
        ASSERT_EQ(clients->open(), 1U) << sample;
    }
    EXPECT_EQ(counters.messages_in, counters.messages_out);
}

TEST_F(ClientsTest, AConnectionWhoseInputWaitsForTheLoopIsNotEvicted) {
    const int waiting = connect();
    now += 1s;
    const int idle = connect();
    now += 1s;
    send_messages(waiting, 1);
    clients->evict_longest_idle();
    EXPECT_TRUE(at_end(idle));
    iterate();
    EXPECT_EQ(echoes(waiting), 1);
    send_messages(waiting, 1);
    clients->evict_longest_idle();
    EXPECT_EQ(clients->open(), 0U) << "if all have input, one is closed all the same";
}

TEST_F(ClientsTest, AStaleTokenIsIgnored) {
    const int first = connect();
    send_messages(first, 1);
    std::array<epoll_event, 4> events{};
    ASSERT_EQ(epoll.wait(events, 0s), 1);
    clients->close_all(CloseReason::stopped);
    const int second = connect(); // reuses the slot, and perhaps the descriptor number
    clients->on_event(events[0].data.u64, events[0].events);
    EXPECT_FALSE(clients->has_ready());
    EXPECT_FALSE(at_end(second));
}

TEST_F(ClientsTest, IdleConnectionsAreClosedAtTheIdleTimeoutAndNotBefore) {
    const int quiet = connect();
    now += 10s;
    const int busy = connect();
    EXPECT_EQ(clients->next_deadline(), now - 10s + timeouts.idle);
    now += 20s - 1ns;
    iterate();
    EXPECT_EQ(clients->open(), 2U);
    now += 1ns;
    iterate();
    EXPECT_EQ(clients->open(), 1U);
    EXPECT_TRUE(at_end(quiet));
    EXPECT_FALSE(at_end(busy));
    EXPECT_EQ(closed(counters, CloseReason::idle_timeout), 1U);
}

TEST_F(ClientsTest, ActivityRestartsTheIdleTimeout) {
    const int fd = connect();
    for (int i = 0; i < 5; ++i) {
        now += 20s;
        send_messages(fd, 1);
        iterate();
        ASSERT_EQ(clients->open(), 1U);
        EXPECT_EQ(clients->next_deadline(), now + timeouts.idle);
    }
}

TEST_F(ClientsTest, ATimeoutOfZeroNeverExpires) {
    timeouts = {0s, 0s, 0s, 0s};
    configure();
    const int fd = connect();
    send_messages(fd, 1);
    const std::byte part{};
    ASSERT_EQ(send_some(fd, std::span(&part, 1)).bytes, 1U);
    iterate();
    EXPECT_EQ(clients->next_deadline(), kNever);
    now += 1000h;
    iterate();
    EXPECT_EQ(clients->open(), 1U);
}

TEST_F(ClientsTest, TheMessageTimeoutIsNotRestartedByFurtherBytes) {
    const int fd = connect();
    std::vector<std::byte> bytes(kHeaderSize + 100);
    encode_header({1, 100}, bytes.data());
    for (std::size_t second = 0; second < 10; ++second) {
        ASSERT_EQ(send_some(fd, std::span(bytes).subspan(second, 1)).bytes, 1U);
        iterate();
        ASSERT_EQ(clients->open(), 1U) << second;
        now += 1s;
    }
    iterate();
    EXPECT_EQ(clients->open(), 0U);
    EXPECT_EQ(closed(counters, CloseReason::message_timeout), 1U);
}

TEST_F(ClientsTest, APeerThatReadsNothingIsClosedAfterTheWriteTimeout) {
    timeouts.idle = 0s;
    configure();
    const int fd = connect();
    while (counters.stalls == 0) {
        send_messages(fd, 16, 1016);
        iterate();
    }
    for (int quarter = 1; quarter < 4; ++quarter) {
        now += timeouts.write / 4;
        iterate();
        ASSERT_EQ(clients->open(), 1U);
    }
    now += timeouts.write / 4;
    iterate();
    EXPECT_EQ(clients->open(), 0U);
    EXPECT_EQ(closed(counters, CloseReason::write_timeout), 1U);
    EXPECT_EQ(clients->buffered_bytes(), 0U);
}

TEST_F(ClientsTest, AStalledConnectionIsServedAgainWhenItsPeerReads) {
    const int fd = connect();
    while (counters.stalls == 0) {
        send_messages(fd, 16, 1016);
        iterate();
    }
    std::vector<std::byte> bytes(1 << 16);
    std::uint64_t read = 0;
    for (int i = 0; i < 1000 && (read < counters.bytes_in || clients->has_ready()); ++i) {
        read += receive(fd, bytes).bytes;
        iterate();
    }
    EXPECT_EQ(read, counters.bytes_in);
    EXPECT_EQ(counters.messages_in, counters.messages_out);
}

TEST_F(ClientsTest, TheConnectionThatIsIdleLongestIsEvicted) {
    limits.when_full = WhenFull::evict;
    configure();
    const int first = connect();
    now += 1us;
    const int second = connect();
    now += 1us;
    const int third = connect();
    now += 1us;
    send_messages(first, 1);
    iterate();
    clients->evict_longest_idle();
    EXPECT_TRUE(at_end(second));
    clients->evict_longest_idle();
    EXPECT_TRUE(at_end(third));
    EXPECT_EQ(echoes(first), 1);
    EXPECT_EQ(closed(counters, CloseReason::evicted), 2U);
}

TEST_F(ClientsTest, NewTimeoutsApplyToRunningDeadlines) {
    (void)connect();
    now += 5s;
    iterate();
    EXPECT_EQ(clients->open(), 1U);
    timeouts.idle = 5s;
    configure();
    iterate();
    EXPECT_EQ(clients->open(), 0U);
}

TEST_F(ClientsTest, ADrainClosesConnectionsThatHaveNothingLeftToDo) {
    const int idle = connect();
    const int busy = connect();
    const int halfway = connect();
    send_messages(busy, 30);
    const std::byte byte{};
    ASSERT_EQ(send_some(halfway, std::span(&byte, 1)).bytes, 1U);
    clients->start_drain(now);
    while (clients->has_ready()) {
        iterate();
    }
    EXPECT_TRUE(at_end(idle));
    EXPECT_EQ(echoes(busy), 30);
    EXPECT_TRUE(at_end(busy));
    EXPECT_FALSE(at_end(halfway)) << "an incomplete message may be completed";
    now += 1s; // no peer closed its side: the linger time is over
    iterate();
    EXPECT_EQ(clients->open(), 1U);
    EXPECT_EQ(closed(counters, CloseReason::drained), 2U);
}

TEST_F(ClientsTest, RestoredConnectionsContinueWithNothingLost) {
    const int stalled = connect();
    const int half = connect();
    const int queued = connect();
    std::vector<std::byte> message(kHeaderSize + 8);
    encode_header({1, 8}, message.data());
    while (counters.stalls == 0) {
        send_messages(stalled, 16, 1016);
        iterate();
    }
    send_messages(queued, 60, kMaxPayload);
    ASSERT_EQ(send_some(half, std::span(message).first(11)).bytes, 11U);
    iterate();
    EXPECT_TRUE(clients->has_ready()) << "there is more than one visit receives";

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
    std::uint64_t large = 0;
    for (int i = 0; i < 1000; ++i) {
        iterate();
        read += receive(stalled, bytes).bytes;
        large += receive(queued, bytes).bytes;
    }
    EXPECT_EQ(large, 60 * kMaxMessage);
    EXPECT_EQ(echoes(half), 1);
    const std::uint64_t others = 60 * kMaxMessage + kHeaderSize + 8;
    EXPECT_EQ(read + others, before.bytes_in + counters.bytes_in);
    EXPECT_EQ(counters.messages_in + counters.messages_restored, counters.messages_out);
}

TEST_F(ClientsTest, TheMessageTimeoutContinuesAfterARestart) {
    (void)connect();
    const int late = connect();
    const std::byte byte{};
    ASSERT_EQ(send_some(late, std::span(&byte, 1)).bytes, 1U);
    iterate();
    now += 4s;
    Parked left = park();
    ASSERT_EQ(clients->restore(left.state.connections, left.fds, now), 0U);
    iterate();
    EXPECT_EQ(clients->next_deadline(), now + timeouts.message - 4s);
}

TEST_F(ClientsTest, TheWriteTimeoutContinuesAfterARestart) {
    const int stalled = connect();
    while (counters.stalls == 0) {
        send_messages(stalled, 16, 1016);
        iterate();
    }
    now += timeouts.write / Connection::kWriteSamples; // the first sample
    iterate();
    now += 100ms;
    Parked left = park();
    ASSERT_EQ(clients->restore(left.state.connections, left.fds, now), 0U);
    iterate();
    EXPECT_EQ(clients->next_deadline(), now + timeouts.write / Connection::kWriteSamples - 100ms);
    now -= 100ms;
    for (int samples = 1; samples < Connection::kWriteSamples; ++samples) {
        EXPECT_EQ(clients->open(), 1U) << samples;
        now += timeouts.write / Connection::kWriteSamples;
        iterate();
    }
    EXPECT_EQ(closed(counters, CloseReason::write_timeout), 1U);
}

TEST_F(ClientsTest, TheMostRecentlyActiveConnectionsAreParkedFirst) {
    std::vector<int> peer_fds;
    for (int i = 0; i < 3; ++i) {
        peer_fds.push_back(connect());
        now += 1s;
    }
    send_messages(peer_fds[0], 1);
    iterate();
    Parked left = park();
    ASSERT_EQ(left.state.connections.size(), 3U);
    EXPECT_EQ(left.state.connections[0].messages, 1U);
    EXPECT_LT(left.state.connections[1].idle, left.state.connections[2].idle);
    ASSERT_EQ(clients->restore(left.state.connections, left.fds, now), 0U);
    clients->evict_longest_idle();
    EXPECT_TRUE(at_end(peer_fds[1])) << "the order by activity is restored";
}

TEST_F(ClientsTest, AddressesAreCountedOnceAReloadSetsALimit) {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(listener.get(), 8), 0); // the kernel chooses the port
    const Endpoint at = *parse_ip("127.0.0.1", local_endpoint(listener.get()).port());
    for (int i = 0; i < 3; ++i) {
        peers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(peers.back().get(), at.address(), at.length()), 0);
        UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        const Endpoint peer = peer_endpoint(fd.get());
        ASSERT_EQ(clients->add(std::move(fd), peer, now), 0);
    }
    EXPECT_EQ(clients->held_by(at), 0U) << "no limit is set";
    limits.max_connections_per_ip = 2;
    configure();
    EXPECT_EQ(clients->held_by(at), 3U);
    peers.pop_back();
    iterate();
    EXPECT_EQ(clients->held_by(at), 2U);
    limits.max_connections_per_ip = 0;
    configure();
    EXPECT_EQ(clients->held_by(at), 0U);
    clients->close_all(CloseReason::stopped);
    EXPECT_EQ(clients->open(), 0U);
}

TEST_F(ClientsTest, AnIdleClientNeedsNoMemoryButItsRecord) {
    for (int i = 0; i < 100; ++i) {
        (void)connect();
    }
    iterate();
    EXPECT_EQ(clients->buffered_bytes(), 0U);
    EXPECT_LE(sizeof(Client), 144U);
}

TEST_F(ClientsTest, EveryAcceptedConnectionIsCountedAsClosedOnce) {
    for (int i = 0; i < 10; ++i) {
        (void)connect();
    }
    peers[0].reset();
    iterate();
    EXPECT_EQ(closed(counters, CloseReason::unused), 1U);
    clients->close_all(CloseReason::stopped);
    EXPECT_EQ(counters.accepted, 10U);
    EXPECT_EQ(counters.closed_total(), 10U);
}

TEST_F(ClientsTest, AUnixPeerThatSendsDescriptorsGetsEveryEcho) {
    const int fd = connect_from(unix_peer());
    for (int i = 0; i < 3; ++i) {
        send_with_descriptor(fd);
    }
    iterate();
    for (int i = 0; i < 4 && clients->has_ready(); ++i) {
        iterate();
    }
    EXPECT_EQ(echoes(fd), 3);
}
