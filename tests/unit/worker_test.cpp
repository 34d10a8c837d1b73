// SPDX-License-Identifier: MIT
#include "client/worker.hpp"
#include "net/event_fd.hpp"
#include "net/socket.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <thread>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// A loop with one connection and one message in flight, and the server, which the test plays.
struct WorkerTest : testing::Test {
    WorkerTest() {
        plan.connections = 1;
        plan.connect_places = 1;
        plan.timeout = 10s;
        targets = {{"test:1", {echod::local_endpoint(listener.get())}}};
    }

    void start() {
        worker.emplace(plan, generator, targets, orders, notice, echod::Clock::now());
        loop = std::thread([this] { worker->run(); });
        // It says that all are up in the turn in which it then sleeps: the message is sent, and
        // the orders have been looked at.
        wait_for(notice.fd());
        server.reset(::accept(listener.get(), nullptr, nullptr));
    }

    ~WorkerTest() override {
        orders.abandon();
        worker->wake();
        if (loop.joinable()) {
            loop.join();
        }
    }

    static void wait_for(int fd) {
        pollfd readable{fd, POLLIN, 0};
        ASSERT_EQ(::poll(&readable, 1, 10'000), 1);
    }

    // Sends the message back that has come.
    void echo() {
        std::array<std::byte, 4096> bytes{};
        const auto size = ::recv(server.get(), bytes.data(), bytes.size(), 0);
        ASSERT_GT(size, 0);
        ASSERT_EQ(::send(server.get(), bytes.data(), static_cast<std::size_t>(size), 0), size);
    }

    // Once the echo was taken, which makes room for a message.
    WorkerResult result() {
        wait_for(server.get());
        orders.abandon();
        worker->wake();
        loop.join();
        return worker->take_result();
    }

    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 16);
    const Generator generator{5, SizeLaw{}};
    WorkerPlan plan;
    std::vector<Target> targets;
    Orders orders;
    echod::EventFd notice;
    std::optional<Worker> worker;
    std::thread loop;
    echod::UniqueFd server;
};

} // namespace

// A turn may be long: what is ordered while it lasts holds at once for what comes in it. Here the
// loop sleeps and is not woken but by the echo.
TEST_F(WorkerTest, WhatComesOnceTheMeasuredPartIsOrderedIsInIt) {
    start();
    orders.measure_from(echod::Clock::now());
    echo();
    const WorkerResult end = result();
    EXPECT_EQ(end.tally.messages.verified, 1U);
    EXPECT_EQ(end.tally.messages.in_window, 1U);
}

TEST_F(WorkerTest, WhatComesOnceTheEndIsOrderedIsNotMeasured) {
    orders.measure_from(echod::Clock::now());
    start();
    orders.stop_at(echod::Clock::now());
    echo();
    const WorkerResult end = result();
    EXPECT_EQ(end.tally.messages.verified, 1U);
    EXPECT_EQ(end.tally.messages.in_window, 0U);
}
