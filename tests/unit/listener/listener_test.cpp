// SPDX-License-Identifier: MIT
#include "net/socket.hpp"
#include "server/listener/acceptor.hpp"
#include "server/listener/listener.hpp"
#include "server/listener/passed_difference.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// While it lives, the process has no file descriptor for another connection.
class NoDescriptors {
public:
    NoDescriptors() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        const rlimit none{0, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    }
    ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

// Two listeners on loopback and a real epoll, with a clock that the test sets.
class AcceptorTest : public testing::Test {
protected:
    AcceptorTest() {
        Config::Listen listen;
        listen.addresses = {"127.0.0.1", "127.0.0.1"};
        listen.port = 0;
        std::vector<Listener> listeners = open_listeners(listen, {}).listeners;
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
    // A reload.
    void replace(const Config::Listen& listen) {
        std::vector<Listener> old;
        ASSERT_EQ(acceptor->replace(plan_listeners(listen, acceptor->listeners()), old, now), 0);
        acceptor->configure(limits, 1000);
        acceptor->close_old(std::move(old), now);
    }
    // What the loop does: passes edges to the acceptor, then accepts if connections are pending.
    void iterate() {
        std::array<epoll_event, 8> events{};
        const int n = epoll.wait(events, 0s);
        for (int i = 0; i < n; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            if (event.data.u64 == kFirst || event.data.u64 == kFirst + 1) {
                acceptor->on_event(event.data.u64 - kFirst);
            }
        }
        if (acceptor->has_pending() || acceptor->retry_at() <= now) {
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
    iterate();
    EXPECT_EQ(counters.accepted, 2U);
    EXPECT_FALSE(acceptor->has_pending());
}

TEST_F(AcceptorTest, AListenerThatAlwaysFailsIsRetriedAndDoesNotDelayTheOthers) {
    ASSERT_EQ(::shutdown(fds[0], SHUT_RDWR), 0); // as another process with this socket could
    for (int i = 0; i < 10; ++i) {
        iterate();
    }
    EXPECT_EQ(counters.accept_errors, 1U);
    EXPECT_EQ(acceptor->pause_error(), EINVAL);
    EXPECT_FALSE(acceptor->has_pending()); // the loop may sleep, until retry_at()
    ASSERT_NE(acceptor->retry_at(), kNever);
    for (int i = 0; i < 10; ++i) {
        connect(at[1]);
    }
    iterate();
    EXPECT_EQ(counters.accepted, 10U);

    now = acceptor->retry_at();
    iterate();
    EXPECT_EQ(counters.accept_errors, 2U);
    EXPECT_GT(acceptor->retry_at(), now);
}

TEST_F(AcceptorTest, APauseEndsWithAConnectionThatClosesDuringItNotWithAnEarlierOne) {
    connect(at[0]);
    iterate();
    clients.close_all(CloseReason::peer);
    connect(at[0]);
    iterate();
    connect(at[0]);
    for (int i = 0; i < 10; ++i) {
        const NoDescriptors none;
        iterate();
    }
    EXPECT_EQ(counters.accept_errors, 1U) << "a retry at once would spin";
    EXPECT_EQ(acceptor->pause_error(), EMFILE);
    EXPECT_FALSE(acceptor->has_pending());
    EXPECT_EQ(acceptor->retry_at(), now + kAcceptRetry);

    clients.close_all(CloseReason::peer);
    EXPECT_TRUE(acceptor->has_pending());
    iterate();
    EXPECT_EQ(counters.accepted, 3U);
    EXPECT_EQ(acceptor->pause_error(), 0);
}

TEST_F(AcceptorTest, APauseEndsAfterAWhile) {
    connect(at[0]);
    {
        const NoDescriptors none;
        iterate();
    }
    now += kAcceptRetry - 1ns;
    iterate();
    EXPECT_EQ(counters.accepted, 0U);
    now += 1ns;
    iterate();
    EXPECT_EQ(counters.accepted, 1U);
    EXPECT_EQ(acceptor->retry_at(), kNever);
}

TEST_F(AcceptorTest, WaitingConnectionsAreCountedWhenTheLastPlaceIsTheLastAccept) {
    limits.max_connections = 1;
    limits.accepts_per_turn = 1;
    acceptor->configure(limits, 1000);
    connect(at[0]);
    connect(at[0]);
    iterate();
    EXPECT_EQ(counters.accepted, 1U);
    EXPECT_EQ(acceptor->waiting(), 1U);
    connect(at[1]);
    std::array<epoll_event, 8> events{};
    EXPECT_EQ(epoll.wait(events, 0s), 0) << "a connection in the backlog causes no wake-up";
    EXPECT_EQ(acceptor->waiting(), 2U);
}

TEST_F(AcceptorTest, WaitingConnectionsAreCountedAfterTheLimitIsLowered) {
    for (int i = 0; i < 3; ++i) {
        connect(at[0]);
    }
    iterate();
    limits.max_connections = 2;
    acceptor->configure(limits, 1000);
    connect(at[0]);
    iterate();
    EXPECT_EQ(counters.accepted, 3U);
    EXPECT_EQ(acceptor->waiting(), 1U);
    clients.close_all(CloseReason::peer);
    iterate();
    EXPECT_EQ(counters.accepted, 4U);
    EXPECT_EQ(counters.queued, 1U);
}

TEST_F(AcceptorTest, RejectedConnectionsThatWaitedAreNotCountedAsQueued) {
    limits.max_connections = 3;
    acceptor->configure(limits, 1000);
    for (int i = 0; i < 8; ++i) {
        connect(at[0]);
    }
    iterate();
    EXPECT_EQ(acceptor->waiting(), 5U);
    limits.when_full = WhenFull::reject;
    acceptor->configure(limits, 1000);
    iterate();
    EXPECT_EQ(counters.rejected, 5U);
    clients.close_all(CloseReason::peer);
    for (int i = 0; i < 3; ++i) {
        connect(at[0]);
    }
    iterate();
    EXPECT_EQ(counters.accepted, 6U);
    EXPECT_EQ(counters.queued, 0U);
}

TEST_F(AcceptorTest, TheUnackedTimeoutOfTheOldProcessIsOverridden) {
    const auto keeps_alive = [this] {
        int on = -1;
        socklen_t size = sizeof on;
        EXPECT_EQ(::getsockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE, &on, &size), 0);
        return on;
    };
    set_unacked_timeout(fds[0], 30s, true);
    ASSERT_EQ(keeps_alive(), 1);
    const auto set = [this](Duration unacked, Duration idle) {
        Config::Timeouts timeouts;
        timeouts.unacked = unacked;
        timeouts.idle = idle;
        acceptor->set_unacked_timeout(timeouts);
    };
    set(0s, 0s);
    EXPECT_EQ(keeps_alive(), 0);
    set(30s, 0s);
    EXPECT_EQ(keeps_alive(), 1);
    set(30s, 30s);
    EXPECT_EQ(keeps_alive(), 0) << "the idle timeout ends a silent connection";
    set(30s, 31s);
    EXPECT_EQ(keeps_alive(), 1);
}

TEST_F(AcceptorTest, AListenerThatStaysKeepsItsBacklogAndAnOldOneIsEmptied) {
    connect(at[0]);
    connect(at[1]);
    Config::Listen listen;
    listen.addresses = {"127.0.0.1"};
    listen.port = at[1].port();
    replace(listen);
    ASSERT_EQ(acceptor->listeners().size(), 1U);
    EXPECT_EQ(acceptor->listeners()[0].fd.get(), fds[1]);
    EXPECT_EQ(counters.accepted, 1U) << "of the backlog of the listener that is closed";
    iterate();
    EXPECT_EQ(counters.accepted, 2U);
    connect(at[1]);
    iterate();
    EXPECT_EQ(counters.accepted, 3U) << "its events have the token of its new index";
}

TEST_F(AcceptorTest, TheBacklogOfAnOldListenerIsAcceptedUnderTheNewLimit) {
    limits.max_connections = 1;
    acceptor->configure(limits, 1000);
    connect(at[0]);
    iterate();
    connect(at[0]);
    connect(at[0]);
    Config::Listen listen;
    listen.addresses = {"127.0.0.2"};
    listen.port = 0;
    limits.max_connections = 2;
    replace(listen);
    EXPECT_EQ(counters.accepted, 2U);
}

TEST_F(AcceptorTest, NewListenersOfAFullServerCauseNoWakeUps) {
    limits.max_connections = 1;
    acceptor->configure(limits, 1000);
    connect(at[0]);
    iterate();
    Config::Listen listen;
    listen.addresses = {"127.0.0.2"};
    listen.port = 0;
    replace(listen);
    connect(local_endpoint(acceptor->listeners()[0].fd.get()));
    iterate();
    EXPECT_EQ(counters.accepted, 1U);
    EXPECT_EQ(acceptor->waiting(), 1U);
    clients.close_all(CloseReason::peer);
    iterate();
    EXPECT_EQ(counters.accepted, 2U);
}

TEST_F(AcceptorTest, APlanThatIsDroppedChangesNothing) {
    Config::Listen listen;
    listen.addresses = {"127.0.0.2", "127.0.0.1"};
    listen.port = at[0].port();
    Endpoint opened;
    {
        const ListenPlan plan = plan_listeners(listen, acceptor->listeners());
        ASSERT_EQ(plan.stays, (std::vector<std::size_t>{ListenPlan::kNew, 0}));
        opened = local_endpoint(plan.listeners[0].fd.get());
    }
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), opened.address(), opened.length()), -1);
    connect(at[0]);
    iterate();
    EXPECT_EQ(counters.accepted, 1U);
}

TEST_F(AcceptorTest, AnAddedListenerIsServed) {
    Config::Listen listen;
    listen.port = 0;
    ASSERT_EQ(acceptor->add(open_listener("127.0.0.3", listen, acceptor->listeners())), 0);
    ASSERT_EQ(acceptor->listeners().size(), 3U);
    connect(at[0]);
    connect(local_endpoint(acceptor->listeners()[2].fd.get()));
    acceptor->accept_some(now);
    EXPECT_EQ(counters.accepted, 2U);
}

TEST(OpenListeners, AMissingAddressDoesNotConcernTheOthers) {
    Config::Listen listen;
    listen.addresses = {"192.0.2.1", "127.0.0.1", "fe80::1%no-such-if0"};
    listen.port = 0;
    const OpenedListeners opened = open_listeners(listen, {});
    ASSERT_EQ(opened.listeners.size(), 1U);
    EXPECT_EQ(opened.missing, (std::vector<MissingAddress>{
                                  {"192.0.2.1", "192.0.2.1:0", EADDRNOTAVAIL},
                                  {"fe80::1%no-such-if0", "[fe80::1%no-such-if0]:0", ENODEV}}));
    listen.missing = OnMissing::error;
    EXPECT_THROW((void)open_listeners(listen, {}), ListenError);
}

TEST(PassedDifference, NamesBothSidesAndTheCommandsThatResolveIt) {
    Config::Listen listen;
    listen.addresses = {"127.0.0.1"};
    listen.port = 0;
    std::vector<Listener> passed = open_listeners(listen, {}).listeners;
    EXPECT_EQ(describe_passed_difference(passed, listen), "") << "it is not passed";
    passed.front().passed = true;
    EXPECT_EQ(describe_passed_difference(passed, listen), "") << "port 0 is any port";
    listen.port = local_endpoint(passed.front().fd.get()).port();
    EXPECT_EQ(describe_passed_difference(passed, listen), "");
    const std::string name = passed.front().name;
    for (const auto& addresses :
         {std::vector<std::string>{"127.0.0.1", "::1"}, std::vector<std::string>{"*"}}) {
        listen.addresses = addresses;
        const std::string text = describe_passed_difference(passed, listen);
        EXPECT_NE(text.find(name + " are served"), std::string::npos) << text;
        EXPECT_NE(text.find("systemctl disable --now echod.socket; systemctl enable --now "
                            "echod.service"),
                  std::string::npos)
            << text;
    }
}

TEST(PassedDifference, ASocketOfBothFamiliesIsEveryAddress) {
    const UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::vector<Listener> passed(1);
    passed.front().fd.reset(::fcntl(probe.get(), F_DUPFD_CLOEXEC, 0));
    passed.front().passed = true;
    const int off = 0;
    ASSERT_EQ(::setsockopt(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
    const Endpoint any = *parse_ip("::", 0);
    ASSERT_EQ(::bind(probe.get(), any.address(), any.length()), 0);
    Config::Listen listen;
    listen.addresses = {"*"};
    listen.port = local_endpoint(probe.get()).port();
    EXPECT_EQ(describe_passed_difference(passed, listen), "");
    listen.addresses = {"::"};
    EXPECT_NE(describe_passed_difference(passed, listen), "");
}

TEST_F(AcceptorTest, TheUnsentLimitIsInheritedByConnectionsAcceptedAfterwards) {
    const auto limit_of = [](int fd) {
        std::uint32_t bytes = 1;
        socklen_t size = sizeof bytes;
        EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size), 0);
        return bytes;
    };
    for (const std::uint32_t bytes : {65'536U, 0U}) {
        acceptor->set_unsent_limit(bytes);
        connect(at[0]);
        pollfd readable{fds[0], POLLIN, 0};
        ASSERT_EQ(::poll(&readable, 1, -1), 1);
        const UniqueFd accepted(::accept4(fds[0], nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_EQ(limit_of(accepted.get()), bytes);
    }
}

TEST_F(AcceptorTest, TheProcessorIsThatOfEveryListenerAlsoOfOneThatAReloadOpens) {
    const auto processor_of = [this](std::size_t index) {
        int cpu = -2;
        socklen_t size = sizeof cpu;
        const int fd = acceptor->listeners()[index].fd.get();
        EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &size), 0);
        return cpu;
    };
    for (const int cpu : {1, kAnyCpu, 0}) {
        acceptor->set_incoming_cpu(cpu);
        EXPECT_EQ(processor_of(0), cpu);
        EXPECT_EQ(processor_of(1), cpu);
    }
    Config::Listen listen;
    listen.addresses = {"127.0.0.2"};
    listen.port = 0;
    replace(listen);
    EXPECT_EQ(processor_of(0), 0);
}

TEST_F(AcceptorTest, AListenerThatAReloadOpensHasTheUnsentLimitToo) {
    acceptor->set_unsent_limit(65'536);
    Config::Listen listen;
    listen.addresses = {"127.0.0.2"};
    listen.port = 0;
    replace(listen);
    std::uint32_t bytes = 0;
    socklen_t size = sizeof bytes;
    const int fd = acceptor->listeners()[0].fd.get();
    ASSERT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size), 0);
    EXPECT_EQ(bytes, 65'536U);
}

TEST(OpenListeners, AnErrorNamesTheMissingInterfaceAndTheAddress) {
    Config::Listen listen;
    listen.addresses = {"fe80::1%no-such-if0"};
    listen.missing = OnMissing::error;
    try {
        (void)open_listeners(listen, {});
        ADD_FAILURE() << "it listens";
    } catch (const ListenError& error) {
        EXPECT_EQ(error.error(), ENODEV);
        EXPECT_NE(std::string(error.what())
                      .find("cannot listen on [fe80::1%no-such-if0]:8007: "
                            "there is no interface no-such-if0: ENODEV"),
                  std::string::npos)
            << error.what();
    }
}

TEST(OpenListeners, OldSocketsAreUnchangedIfAnAddressCannotBeOpened) {
    Config::Listen listen;
    listen.addresses = {"127.0.0.1"};
    listen.port = 0;
    std::vector<Listener> old_sockets = open_listeners(listen, {}).listeners;
    const Endpoint at = local_endpoint(old_sockets[0].fd.get());
    listen.port = at.port();
    listen.missing = OnMissing::error;
    listen.addresses = {"127.0.0.1", "192.0.2.1"}; // for documentation, not assigned: RFC 5737
    EXPECT_THROW((void)open_listeners(listen, std::move(old_sockets)), ListenError);
    ASSERT_EQ(old_sockets.size(), 1U); // NOLINT(bugprone-use-after-move): unchanged on failure
    EXPECT_EQ(local_endpoint(old_sockets[0].fd.get()).port(), at.port());
}
