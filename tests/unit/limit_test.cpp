// SPDX-License-Identifier: MIT
#include "client/limit.hpp"
#include "client/process.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <future>
#include <optional>
#include <thread>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

RunResult taken(double client, std::optional<double> server) {
    RunResult result;
    result.client.emplace();
    result.client->busiest_thread = client;
    if (server) {
        result.server.emplace();
        result.server->busiest_thread = *server;
    }
    return result;
}

Duration thread_time() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec);
}

void burn(Duration how_long) {
    const Duration until = thread_time() + how_long;
    while (thread_time() < until) {
    }
}

} // namespace

TEST(Limit, IsWhoseThreadIsBusyAndTheClientFirst) {
    using By = Limit::By;
    const struct {
        double client;
        std::optional<double> server;
        By by;
    } cases[] = {
        {0.95, 0.99, By::client}, {0.90, std::nullopt, By::client}, {0.5, 0.9, By::server},
        {0.89, 0.89, By::none},   {0.5, std::nullopt, By::unknown},
    };
    for (const auto& each : cases) {
        EXPECT_EQ(find_limit(taken(each.client, each.server)).by, each.by) << each.client;
    }
    EXPECT_EQ(find_limit(RunResult()).by, By::unknown);
    EXPECT_EQ(find_limit(taken(0.5, 0.92)).reason, "its busiest thread took 92 % of a processor");
}

TEST(Limit, ALoopThatPollsIsNotBusyByThat) {
    RunResult result = taken(0.99, 0.3);
    LoopUse loop;
    loop.user = 600ms;
    loop.system = 390ms;
    loop.wall = 1s;
    loop.polled = 500ms;
    result.loops.push_back(loop);
    EXPECT_EQ(find_limit(result).by, Limit::By::client) << "a closed loop does not poll";
    result.rate = RateKept{40'000, 40'000};
    EXPECT_EQ(find_limit(result).by, Limit::By::none);
    EXPECT_NEAR(result.loops[0].work_share(), 0.49, 1e-9);
    result.loops[0].polled = 50ms;
    EXPECT_EQ(find_limit(result).by, Limit::By::client);
}

TEST(Limit, AnOpenLoopThatComesLateIsTheLimitHoweverLittleItUsed) {
    RunResult result = taken(0.2, 0.3);
    result.tally.lag.record(6ms);
    result.tally.response.record(10ms);
    EXPECT_EQ(find_limit(result).by, Limit::By::client);
    result.tally.response.record(20ms);
    EXPECT_EQ(find_limit(result).by, Limit::By::none) << "the server made most of it";
}

TEST(ProcessWatch, SeesWhatAThreadTookAlsoOfOneThatHasEnded) {
    for (const bool ends : {false, true}) {
        std::promise<void> begin;
        std::promise<void> burnt;
        std::promise<void> leave;
        std::thread thread([&] {
            begin.get_future().wait();
            burn(200ms);
            burnt.set_value();
            leave.get_future().wait();
        });
        ProcessWatch watch(::getpid());
        watch.begin();
        const auto from = std::chrono::steady_clock::now();
        begin.set_value();
        burnt.get_future().wait();
        leave.set_value();
        if (ends) {
            thread.join();
        }
        watch.end();
        const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - from;
        if (!ends) {
            thread.join();
        }
        const auto use = watch.use();
        ASSERT_TRUE(use);
        // A processor's time is counted in ticks of 10 ms where the thread has ended.
        EXPECT_GT(use->busiest_thread * wall.count(), 0.15);
        EXPECT_GE(use->cpu * wall.count(), 0.15);
        EXPECT_GT(use->resident, 100'000U);
        EXPECT_GE(use->descriptors, 3U);
    }
}

TEST(ProcessWatch, HasNothingToSayOfAProcessThatEnded) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    ProcessWatch watch(child);
    EXPECT_TRUE(sample_process(child));
    watch.begin();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_FALSE(sample_process(child));
    watch.end();
    EXPECT_FALSE(watch.use());
}
