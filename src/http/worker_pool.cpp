// SPDX-License-Identifier: MIT
#include "http/worker_pool.hpp"

#include "base/start_thread.hpp"

namespace echod {

WorkerPool::WorkerPool(std::size_t workers, std::atomic<std::size_t>& pending) : pending_(pending) {
    try {
        for (std::size_t i = 0; i < workers; ++i) {
            threads_.push_back(start_thread([this] { work(); }));
        }
    } catch (...) { // those that run would end the program with std::terminate()
        WorkerPool::shutdown();
        throw;
    }
}

WorkerPool::~WorkerPool() {
    WorkerPool::shutdown(); // not that of a derived class
}

WorkerPool::Enqueued WorkerPool::enqueue(std::function<void()> task) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return tasks_.size() < kMostQueued; });
    tasks_.push_back(std::move(task));
    ++pending_;
    changed_.notify_all();
    return Enqueued(true);
}

void WorkerPool::shutdown() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : std::exchange(threads_, {})) {
        thread.join();
    }
}

void WorkerPool::work() {
    for (;;) {
        std::function<void()> task;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
            if (tasks_.empty()) {
                return;
            }
            task = std::move(tasks_.front());
            tasks_.pop_front();
        }
        changed_.notify_all();
        task();
        --pending_;
    }
}

} // namespace echod
