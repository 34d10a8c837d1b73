// SPDX-License-Identifier: MIT
#include "client/load/worker.hpp"
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
        worker.emplace(plan, generator, targets, control, notice, echod::Clock::now());
        loop = std::thread([this] { worker->run(); });
        // It reports that all are up in the iteration after which it sleeps: the message is sent,
        // and RunControl has been read.
        wait_for(notice.fd());
        server.reset(::accept(listener.get(), nullptr, nullptr));
    }

    ~WorkerTest() override {
        control.abandon();
        worker->wake();
        if (loop.joinable()) {
            loop.join();
        }
    }

    static void wait_for(int fd) {
        pollfd readable{fd, POLLIN, 0};
        ASSERT_EQ(::poll(&readable, 1, 10'000), 1);
    }

    // Echoes the message that has come.
    void echo() {
        std::array<std::byte, 4096> bytes{};
        const auto size = ::recv(server.get(), bytes.data(), bytes.size(), 0);
        ASSERT_GT(size, 0);
        ASSERT_EQ(::send(server.get(), bytes.data(), static_cast<std::size_t>(size), 0), size);
    }

    // The result after the echo was received, which makes room for a message.
    WorkerResult result() {
        wait_for(server.get());
        control.abandon();
        worker->wake();
        loop.join();
        return worker->take_result();
    }

    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 16);
    const Generator generator{5, SizeLaw{}};
    WorkerPlan plan;
    std::vector<Target> targets;
    RunControl control;
    echod::EventFd notice;
    std::optional<Worker> worker;
    std::thread loop;
    echod::UniqueFd server;
};

} // namespace

// An iteration may be long: a change of RunControl applies at once to the echoes in it. Here only
// the echo wakes the loop.
TEST_F(WorkerTest, AnEchoAfterTheMeasuredPartWasSetCountsInIt) {
    start();
    control.measure_from(echod::Clock::now());
    echo();
    const WorkerResult end = result();
    EXPECT_EQ(end.tally.messages.verified, 1U);
    EXPECT_EQ(end.tally.messages.in_window, 1U);
}

TEST_F(WorkerTest, AnEchoAfterTheEndWasSetIsNotMeasured) {
    control.measure_from(echod::Clock::now());
    start();
    control.stop_at(echod::Clock::now());
    echo();
    const WorkerResult end = result();
    EXPECT_EQ(end.tally.messages.verified, 1U);
    EXPECT_EQ(end.tally.messages.in_window, 0U);
}
