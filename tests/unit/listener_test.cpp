// SPDX-License-Identifier: MIT
#include "server/listener.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <system_error>

#include <memory>
#include <utility>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// Two listeners on loopback, real epoll, and a clock turned by hand.
class AcceptorTest : public testing::Test {
protected:
    AcceptorTest() {
        Config::Listen listen;
        listen.addresses = {"127.0.0.1", "127.0.0.1"};
        listen.port = 0;
        std::vector<Listener> listeners = open_listeners(listen, {});
        for (std::size_t i = 0; i < 2; ++i) {
            fds[i] = listeners[i].fd.get();
            at[i] = local_endpoint(fds[i]);
        }
        acceptor =
            std::make_unique<Acceptor>(std::move(listeners), epoll, clients, counters, kFirst);
        clients.configure(limits, {});
        acceptor->configure(limits, 1000);
    }
    void connect(const Endpoint& endpoint) {
        UniqueFd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(fd.get(), endpoint.address(), endpoint.length()), 0);
        peers.push_back(std::move(fd));
    }
    // What the loop does with events: it tells of the edges, and accepts where that says so.
    void turn() {
        std::array<epoll_event, 8> events{};
        const int n = epoll.wait(events, 0s);
        for (int i = 0; i < n; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            if (event.data.u64 == kFirst || event.data.u64 == kFirst + 1) {
                acceptor->on_event(event.data.u64 - kFirst);
            }
        }
        const auto retry = acceptor->retry_at();
        if (acceptor->has_pending() || (retry && *retry <= now)) {
            acceptor->accept_some(now);
        }
    }

    static constexpr std::uint64_t kFirst = 0xf000'0000U;
    TimePoint now{1h};
    Config::Limits limits;
    Epoll epoll;
    Counters counters;
    Clients clients{epoll, counters};
    std::array<int, 2> fds{};
    std::array<Endpoint, 2> at;
    std::unique_ptr<Acceptor> acceptor;
    std::vector<UniqueFd> peers;
};

} // namespace

TEST_F(AcceptorTest, TakesConnectionsOfAllListeners) {
    connect(at[0]);
    connect(at[1]);
    turn();
    EXPECT_EQ(counters.accepted, 2U);
    EXPECT_FALSE(acceptor->has_pending());
}

TEST_F(AcceptorTest, AListenerThatFailsForEverIsTriedNowAndThenAndHoldsUpNobody) {
    ASSERT_EQ(::shutdown(fds[0], SHUT_RDWR), 0); // as whoever else holds it could
    for (int i = 0; i < 10; ++i) {
        turn();
    }
    EXPECT_EQ(counters.accept_errors, 1U);
    EXPECT_EQ(acceptor->pause_error(), EINVAL);
    EXPECT_FALSE(acceptor->has_pending()); // the loop may sleep, until retry_at()
    ASSERT_TRUE(acceptor->retry_at().has_value());
    for (int i = 0; i < 10; ++i) {
        connect(at[1]);
    }
    turn();
    EXPECT_EQ(counters.accepted, 10U);

    now = *acceptor->retry_at();
    turn();
    EXPECT_EQ(counters.accept_errors, 2U);
    EXPECT_GT(*acceptor->retry_at(), now);
}

TEST_F(AcceptorTest, WhoWaitsIsCountedWhereTheLastPlaceTakesTheLastAcceptOfATurn) {
    limits.max_connections = 1;
    limits.accepts_per_turn = 1;
    acceptor->configure(limits, 1000);
    connect(at[0]);
    connect(at[0]);
    turn();
    EXPECT_EQ(counters.accepted, 1U);
    EXPECT_EQ(acceptor->waiting(), 1U);
    connect(at[1]);
    std::array<epoll_event, 8> events{};
    EXPECT_EQ(epoll.wait(events, 0s), 0) << "who comes now wakes nobody";
    EXPECT_EQ(acceptor->waiting(), 2U);
}

TEST_F(AcceptorTest, WhoWaitsIsCountedAfterALimitIsLoweredBelowWhatIsOpen) {
    for (int i = 0; i < 3; ++i) {
        connect(at[0]);
    }
    turn();
    limits.max_connections = 2;
    acceptor->configure(limits, 1000);
    connect(at[0]);
    turn();
    EXPECT_EQ(counters.accepted, 3U);
    EXPECT_EQ(acceptor->waiting(), 1U);
    clients.close_all(CloseReason::peer);
    turn();
    EXPECT_EQ(counters.accepted, 4U);
    EXPECT_EQ(counters.queued, 1U);
}

TEST_F(AcceptorTest, WhoNeverWaitedIsNotCountedForThoseThatWaitedAndWereTurnedAway) {
    limits.max_connections = 3;
    acceptor->configure(limits, 1000);
    for (int i = 0; i < 8; ++i) {
        connect(at[0]);
    }
    turn();
    EXPECT_EQ(acceptor->waiting(), 5U);
    limits.when_full = WhenFull::reject;
    acceptor->configure(limits, 1000);
    turn();
    EXPECT_EQ(counters.rejected, 5U);
    clients.close_all(CloseReason::peer);
    for (int i = 0; i < 3; ++i) {
        connect(at[0]);
    }
    turn();
    EXPECT_EQ(counters.accepted, 6U);
    EXPECT_EQ(counters.queued, 0U);
}

TEST_F(AcceptorTest, WhatTheProcessBeforeSaidOfVanishedPeersHoldsNoMore) {
    const auto keeps_alive = [this] {
        int on = -1;
        socklen_t size = sizeof on;
        EXPECT_EQ(::getsockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE, &on, &size), 0);
        return on;
    };
    set_unacked_timeout(fds[0], 30s);
    ASSERT_EQ(keeps_alive(), 1);
    acceptor->set_unacked_timeout(0s);
    EXPECT_EQ(keeps_alive(), 0);
}

TEST(OpenListeners, AnInterfaceThatIsNotThereIsNamedWithItsAddress) {
    Config::Listen listen;
    listen.addresses = {"fe80::1%no-such-if0"};
    try {
        (void)open_listeners(listen, {});
        ADD_FAILURE() << "it listens";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ENODEV);
        EXPECT_NE(std::string(error.what())
                      .find("cannot listen on [fe80::1%no-such-if0]:8007: "
                            "there is no interface no-such-if0"),
                  std::string::npos)
            << error.what();
    }
}

TEST(OpenListeners, WhatIsInheritedIsLeftAloneWhereOneAddressCannotBeHad) {
    Config::Listen listen;
    listen.addresses = {"127.0.0.1"};
    listen.port = 0;
    std::vector<Listener> inherited = open_listeners(listen, {});
    const Endpoint at = local_endpoint(inherited[0].fd.get());
    listen.port = at.port();
    listen.addresses = {"127.0.0.1", "192.0.2.1"}; // of documentation, RFC 5737: nobody has it
    EXPECT_THROW((void)open_listeners(listen, std::move(inherited)), std::system_error);
    ASSERT_EQ(inherited.size(), 1U); // NOLINT(bugprone-use-after-move): that is what is promised
    EXPECT_EQ(local_endpoint(inherited[0].fd.get()).port(), at.port());
}
