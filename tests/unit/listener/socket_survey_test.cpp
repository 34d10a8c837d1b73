// SPDX-License-Identifier: MIT
#include "net/socket.hpp"
#include "server/listener/socket_survey.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// Listeners on loopback, and connections to them that are added to the clients.
class SocketSurveyTest : public testing::Test {
protected:
    void listen(const char* address) {
        Listener listener;
        listener.fd = listen_at(*parse_ip(address, 0), 16);
        listener.name = address;
        listeners.push_back(std::move(listener));
    }
    void connect(const char* address, std::size_t index) {
        const int listener = listeners[index].fd.get();
        const Endpoint at = *parse_ip(address, local_endpoint(listener).port());
        UniqueFd near(::socket(at.family(), SOCK_STREAM, 0));
        ASSERT_EQ(::connect(near.get(), at.address(), at.length()), 0);
        UniqueFd far(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK));
        ASSERT_EQ(clients->add(std::move(far), local_endpoint(near.get()), now), 0);
        peers.push_back(std::move(near));
    }
    std::vector<std::uint32_t> counts() {
        now += 1s;
        EXPECT_TRUE(survey.update(*clients, listeners, now));
        std::vector<std::uint32_t> found;
        for (const ListenerConnections& one : survey.figures().by_listener) {
            found.push_back(one.connections);
        }
        return found;
    }

    TimePoint now{1h};
    Epoll epoll;
    Counters counters;
    std::unique_ptr<Clients> clients = std::make_unique<Clients>(epoll, counters);
    std::vector<Listener> listeners;
    std::vector<UniqueFd> peers;
    SocketSurvey survey;
};

} // namespace

TEST_F(SocketSurveyTest, AConnectionBelongsToTheListenerAtItsLocalAddress) {
    listen("127.0.0.1");
    listen("127.0.0.2");
    EXPECT_EQ(counts(), (std::vector<std::uint32_t>{0, 0}));
    connect("127.0.0.1", 0);
    connect("127.0.0.2", 1);
    connect("127.0.0.2", 1);
    EXPECT_EQ(counts(), (std::vector<std::uint32_t>{1, 2}));
}

TEST_F(SocketSurveyTest, OrElseToTheWildcardAddressOfItsPort) {
    listen("0.0.0.0");
    listen("127.0.0.1");
    connect("127.0.0.5", 0);
    connect("127.0.0.1", 1);
    EXPECT_EQ(counts(), (std::vector<std::uint32_t>{1, 1}));
}

TEST_F(SocketSurveyTest, AConnectionWhoseListenerIsClosedIsCountedAsThat) {
    listen("127.0.0.1");
    listen("127.0.0.2");
    connect("127.0.0.1", 0);
    connect("127.0.0.2", 1);
    EXPECT_EQ(counts(), (std::vector<std::uint32_t>{1, 1}));
    listeners.erase(listeners.begin());
    EXPECT_EQ(counts(), (std::vector<std::uint32_t>{1, 1}));
    EXPECT_EQ(survey.figures().by_listener[0].listener, "127.0.0.2");
    EXPECT_EQ(survey.figures().by_listener[1].listener, SocketSurvey::kClosedListener);
}

TEST_F(SocketSurveyTest, ListenersOfOneNameAreOne) {
    listen("127.0.0.1");
    listen("127.0.0.1");
    connect("127.0.0.1", 0);
    connect("127.0.0.1", 1);
    EXPECT_EQ(counts(), (std::vector<std::uint32_t>{2}));
}

TEST_F(SocketSurveyTest, IsMadeAtMostOnceASecond) {
    EXPECT_TRUE(survey.update(*clients, listeners, now));
    EXPECT_FALSE(survey.update(*clients, listeners, now + 999ms));
    EXPECT_TRUE(survey.update(*clients, listeners, now + 1s));
}

TEST_F(SocketSurveyTest, SumsUpTheKernelMemoryOfTheSockets) {
    listen("127.0.0.1");
    connect("127.0.0.1", 0);
    (void)counts();
    EXPECT_EQ(survey.figures().memory, 0U);
    const std::vector<std::byte> bytes(50'000);
    ASSERT_EQ(send_some(peers.front().get(), bytes).bytes, bytes.size());
    (void)counts();
    EXPECT_GE(survey.figures().memory, bytes.size());
}
