// SPDX-License-Identifier: MIT
#include "server/loop/pending_handover.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

using namespace echod;
using namespace std::chrono_literals;

namespace {

using Step = PendingHandover::Step;

static_assert(PendingHandover::kStore <= 150ms,
              "echod(8), SIGUSR2: clients wait for 150 ms at most");

// A handover beside a service manager that answers when the test says so.
class PendingHandoverTest : public testing::Test {
protected:
    PendingHandoverTest() {
        path = testing::TempDir() + "echod-manager-" + std::to_string(::getpid());
        ::unlink(path.c_str());
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path.copy(at.sun_path, sizeof at.sun_path - 1);
        EXPECT_EQ(::bind(manager.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~PendingHandoverTest() override {
        ::unsetenv("NOTIFY_SOCKET");
        ::unlink(path.c_str());
    }

    bool was_asked() {
        char byte = 0;
        return ::recv(manager.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    }
    // Reads the question without its descriptor, which the kernel then closes: that is the answer.
    void answer() {
        std::array<char, 64> text{};
        ASSERT_GT(::recv(manager.get(), text.data(), text.size(), MSG_DONTWAIT), 0);
        std::array<epoll_event, 2> events{};
        ASSERT_EQ(epoll.wait(events, 10s), 1);
        ASSERT_EQ(events[0].data.u64, 7U);
        handover.on_event();
    }

    std::string path;
    UniqueFd manager{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    Epoll epoll;
    ServiceManager service;
    PendingHandover handover{epoll, service, 7};
    TimePoint now{1h};
};

} // namespace

TEST_F(PendingHandoverTest, StoresOnceTheManagerHasAnswered) {
    EXPECT_EQ(handover.next_due(), kNever);
    handover.start(now);
    EXPECT_TRUE(handover.pending());
    EXPECT_EQ(handover.advance(now), Step::nothing);
    answer();
    EXPECT_EQ(handover.advance(now), Step::store);
    EXPECT_EQ(handover.advance(now), Step::nothing) << "once";
    handover.cancel();
    EXPECT_FALSE(handover.pending());
    EXPECT_EQ(handover.next_due(), kNever);
}

TEST_F(PendingHandoverTest, ASecondRequestDoesNotRestartIt) {
    handover.start(now);
    handover.start(now + 4s);
    EXPECT_EQ(handover.advance(now + PendingHandover::kLimit), Step::give_up);
}

TEST_F(PendingHandoverTest, AsksAgainAfterAStoreThatWasNotAnswered) {
    handover.start(now);
    answer();
    ASSERT_EQ(handover.advance(now), Step::store);
    EXPECT_FALSE(was_asked());
    handover.retry(now + PendingHandover::kStore);
    const TimePoint next = handover.next_due();
    EXPECT_LE(next, now + 250ms);
    EXPECT_EQ(handover.advance(now + PendingHandover::kStore), Step::nothing);
    EXPECT_FALSE(was_asked()) << "not before the pause is over";
    EXPECT_EQ(handover.advance(now + 250ms), Step::nothing);
    EXPECT_TRUE(was_asked());
    answer();
    EXPECT_EQ(handover.advance(now + 251ms), Step::store);
}

TEST_F(PendingHandoverTest, GivesUpWhereTheManagerDoesNotAnswer) {
    handover.start(now);
    EXPECT_EQ(handover.advance(now + PendingHandover::kLimit - 1ns), Step::nothing);
    EXPECT_LE(handover.next_due(), now + PendingHandover::kLimit);
    EXPECT_EQ(handover.advance(now + PendingHandover::kLimit), Step::give_up);
}

TEST_F(PendingHandoverTest, ReportsOnceThatTheManagerDoesNotAnswer) {
    handover.start(now);
    EXPECT_EQ(handover.next_due(), now + PendingHandover::kStore);
    EXPECT_FALSE(handover.must_report(now + PendingHandover::kStore - 1ns));
    EXPECT_TRUE(handover.must_report(now + PendingHandover::kStore));
    EXPECT_FALSE(handover.must_report(now + 1s));
    EXPECT_EQ(handover.next_due(), now + PendingHandover::kLimit);
}
