// SPDX-License-Identifier: MIT
#include "net/epoll.hpp"
#include "net/event_fd.hpp"

#include <gtest/gtest.h>

#include <array>

using namespace echod;
using namespace std::chrono_literals;

TEST(EventFd, IsReadableFromTheSignalUntilItIsCleared) {
    EventFd event;
    Epoll epoll;
    std::array<epoll_event, 1> events{};
    ASSERT_EQ(epoll.add(event.fd(), EPOLLIN, 1), 0);
    EXPECT_EQ(epoll.wait(events, 0s), 0);
    event.signal();
    event.signal();
    EXPECT_EQ(epoll.wait(events, 0s), 1);
    event.clear();
    EXPECT_EQ(epoll.wait(events, 0s), 0);
    event.clear(); // not signalled: nothing happens
    event.signal();
    EXPECT_EQ(epoll.wait(events, 0s), 1);
}
