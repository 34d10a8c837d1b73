// SPDX-License-Identifier: MIT
#include "client/load/connector.hpp"
#include "net/socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// A listener, an address where none listens, and a clock that the test turns.
struct ConnectorTest : testing::Test {
    ConnectorTest() {
        const echod::UniqueFd closed = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 1);
        refusing = echod::local_endpoint(closed.get());
    }

    Connector& make(std::vector<echod::Endpoint> addresses, std::uint32_t connections = 1) {
        targets = {{"test", std::move(addresses)}};
        connector.emplace(epoll, targets, std::nullopt,
                          ConnectSchedule(connections, std::nullopt, now), connections);
        return *connector;
    }

    std::vector<std::uint32_t> due() {
        std::vector<std::uint32_t> ids;
        connector->open_due(now, [&ids](std::uint32_t id) { ids.push_back(id); });
        return ids;
    }

    // The outcome once the attempt is no longer pending.
    ConnectResult open() {
        ConnectResult result = connector->open(0, session, now);
        while (result.state == ConnectState::pending) {
            std::array<epoll_event, 1> events;
            EXPECT_EQ(epoll.wait(events, 10s), 1);
            EXPECT_TRUE(connector->is_current(0, events[0].data.u64 >> 32U));
            result = connector->finish(0, session, now);
        }
        return result;
    }

    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 16);
    const echod::Endpoint accepting = echod::local_endpoint(listener.get());
    echod::Endpoint refusing;
    TimePoint now = TimePoint(1000s);
    echod::Epoll epoll;
    std::vector<Target> targets;
    std::optional<Connector> connector;
    Session session{0, 0};
};

} // namespace

TEST_F(ConnectorTest, AConnectionIsOpenedWhenItIsDue) {
    make({accepting}, 3);
    EXPECT_FALSE(connector->idle());
    EXPECT_EQ(due(), (std::vector<std::uint32_t>{0, 1, 2}));
    EXPECT_EQ(open().state, ConnectState::up);
    EXPECT_TRUE(session.is_up());
    EXPECT_EQ(connector->not_tried(), 2U);
    EXPECT_TRUE(connector->idle());
}

TEST_F(ConnectorTest, TheNextAddressIsTriedWhereOneRefuses) {
    make({refusing, accepting});
    EXPECT_EQ(due().size(), 1U);
    EXPECT_EQ(open().state, ConnectState::up);
    EXPECT_EQ(connector->generation(0), 2U);
}

TEST_F(ConnectorTest, AConnectionFailsWhereEveryAddressRefuses) {
    make({refusing, refusing});
    EXPECT_EQ(due().size(), 1U);
    const ConnectResult result = open();
    EXPECT_EQ(result.state, ConnectState::failed);
    EXPECT_EQ(result.error, ECONNREFUSED);
    EXPECT_EQ(connector->not_tried(), 0U);
    EXPECT_TRUE(connector->idle());
}

// A listener whose backlog is full drops further attempts.
TEST_F(ConnectorTest, TheNextAddressIsTriedBesideOneThatDoesNotAnswer) {
    const echod::UniqueFd full = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 0);
    const echod::Endpoint silent = echod::local_endpoint(full.get());
    std::vector<echod::UniqueFd> fillers;
    for (int i = 0; i < 3; ++i) {
        fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        (void)::connect(fillers.back().get(), silent.address(), silent.length());
    }
    make({silent, accepting});
    EXPECT_EQ(due().size(), 1U);
    EXPECT_EQ(connector->open(0, session, now).state, ConnectState::pending);
    EXPECT_EQ(connector->next(), now + kAttemptDelay);
    EXPECT_TRUE(due().empty());
    now += kAttemptDelay;
    EXPECT_EQ(due().size(), 1U);
    EXPECT_EQ(open().state, ConnectState::up);
    EXPECT_EQ(connector->next(), TimePoint::max());
    const std::vector<AddressUse> uses = connector->take_uses();
    EXPECT_EQ(uses.at(0).overtaken, 1U);
    EXPECT_EQ(uses.at(1).up, 1U);
}

TEST_F(ConnectorTest, AnEarlierAttemptContinuesWhereALaterOneFailsAndCanSucceed) {
    make({accepting, refusing});
    EXPECT_EQ(due().size(), 1U);
    if (connector->open(0, session, now).state == ConnectState::up) {
        GTEST_SKIP() << "it is established at once";
    }
    const std::uint32_t first = connector->generation(0);
    now += kAttemptDelay;
    EXPECT_EQ(due().size(), 1U);
    ConnectResult result = connector->open(0, session, now);
    if (!connector->is_current(0, first)) { // the refusal is still to come
        EXPECT_TRUE(connector->resume(0, first, session));
    }
    EXPECT_FALSE(connector->resume(0, 99, session));
    std::array<epoll_event, 4> events;
    EXPECT_GE(epoll.wait(events, 10s), 1);
    result = connector->finish(0, session, now);
    EXPECT_EQ(result.state, ConnectState::up);
    EXPECT_EQ(connector->take_uses().at(0).up, 1U);
}

TEST_F(ConnectorTest, AnAttemptThatMeetsAFullBacklogIsRepeated) {
    const echod::Endpoint path = echod::resolve_target("unix:@echoload-connector-test").at(0);
    const echod::UniqueFd full = echod::listen_at(path, 0);
    Session first{1, 0};
    ASSERT_EQ(first.connect(path, now).state, ConnectState::up);
    make({path});
    EXPECT_EQ(due().size(), 1U);
    EXPECT_EQ(connector->open(0, session, now).state, ConnectState::busy);
    EXPECT_FALSE(connector->idle());
    EXPECT_EQ(connector->next(), now + kConnectRetry);
    EXPECT_TRUE(due().empty());
    now += kConnectRetry;
    EXPECT_EQ(due(), (std::vector<std::uint32_t>{0}));
    const echod::UniqueFd accepted(::accept(full.get(), nullptr, nullptr));
    EXPECT_EQ(open().state, ConnectState::up);
}

TEST_F(ConnectorTest, AReplacementBeginsWithTheAddressThatAnswered) {
    make({refusing, accepting});
    EXPECT_EQ(due().size(), 1U);
    EXPECT_EQ(open().state, ConnectState::up);
    connector->settled(0);
    session = Session(1, 0);
    connector->replace(0, 0);
    connector->queue_replacement(0);
    EXPECT_FALSE(connector->idle());
    EXPECT_EQ(due(), (std::vector<std::uint32_t>{0}));
    EXPECT_TRUE(connector->is_replacement(0));
    EXPECT_EQ(open().state, ConnectState::up);
    EXPECT_EQ(connector->generation(0), 3U);
    EXPECT_EQ(connector->not_tried(), 0U);
}

TEST_F(ConnectorTest, AConnectionThatIsCancelledWasNotTried) {
    make({accepting}, 2);
    EXPECT_EQ(due().size(), 2U);
    (void)connector->open(0, session, now);
    if (session.connecting()) {
        connector->cancel(0);
    }
    connector->stop();
    EXPECT_TRUE(connector->idle());
    EXPECT_GE(connector->not_tried(), 1U);
}
