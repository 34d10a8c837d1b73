// SPDX-License-Identifier: MIT
#include "http/worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

using namespace echod;
using namespace std::chrono_literals;

TEST(WorkerPool, ATaskWaitsOnceThreadsAndQueueAreFull) {
    constexpr std::size_t kWorkers = 3;
    std::atomic<std::size_t> pending = 0;
    WorkerPool pool(kWorkers, pending);
    std::promise<void> gate;
    const std::shared_future<void> open = gate.get_future().share();
    std::atomic<std::size_t> done = 0;
    const auto task = [open, &done] {
        open.wait();
        ++done;
    };
    constexpr std::size_t kMost = kWorkers + WorkerPool::kMostQueued;
    for (std::size_t i = 0; i < kMost; ++i) {
        pool.enqueue(task);
    }
    auto one_more = std::async(std::launch::async, [&] { pool.enqueue(task); });
    EXPECT_EQ(one_more.wait_for(20ms), std::future_status::timeout);
    EXPECT_EQ(pending, kMost);
    gate.set_value();
    one_more.wait();
    pool.shutdown();
    EXPECT_EQ(done, kMost + 1);
    EXPECT_EQ(pending, 0U);
}
