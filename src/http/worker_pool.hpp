// SPDX-License-Identifier: MIT
// The threads that serve HTTP connections: a fixed number, with a bounded queue.
#pragma once

#include <httplib.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace echod {

/// Takes the place of the library's pool, whose queue has no bound. While the queue is full,
/// enqueue() waits, so that further connections stay in the backlog of the kernel.
class WorkerPool : public httplib::TaskQueue {
public:
    static constexpr std::size_t kMostQueued = 16;

    /// `pending`, which outlives it, is the number of tasks that are queued or running.
    WorkerPool(std::size_t workers, std::atomic<std::size_t>& pending);
    ~WorkerPool() override;
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// bool since version 0.15 of the library, void before.
    using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue(std::function<void()>()));
    Enqueued enqueue(std::function<void()> task) override;

    /// Finishes the tasks that are queued and ends the threads.
    void shutdown() override;

private:
    void work();

    std::atomic<std::size_t>& pending_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_; ///< guarded by mutex_, as the next
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

} // namespace echod
