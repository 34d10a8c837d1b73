// SPDX-License-Identifier: MIT
#include "client/measure/process.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <future>
#include <thread>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

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

TEST(ProcessWatch, CountsTheTimeOfAThreadAlsoOfOneThatHasEnded) {
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

TEST(ProcessWatch, HasNoFiguresOfAProcessThatEnded) {
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
