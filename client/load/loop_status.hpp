// SPDX-License-Identifier: MIT
// What a loop reports to the runner while it runs.
#pragma once

#include "net/event_fd.hpp"

#include <atomic>

namespace echoload {

/// Written by one loop, read by any thread. Each note wakes the runner.
class LoopStatus {
public:
    /// `notice` outlives it and is signalled with each note.
    explicit LoopStatus(echod::EventFd& notice) noexcept : notice_(notice) {}

    /// Each connection is up or has failed.
    void note_ramped() noexcept { note(ramped_); }
    [[nodiscard]] bool ramped() const noexcept { return load(ramped_); }

    /// All measured messages are answered or given up.
    void note_answered() noexcept { note(answered_); }
    [[nodiscard]] bool answered() const noexcept { return load(answered_); }

    /// A wrong echo came.
    void note_wrong() noexcept { note(found_wrong_); }
    [[nodiscard]] bool found_wrong() const noexcept { return load(found_wrong_); }

    /// Wakes the runner.
    void signal() noexcept { notice_.signal(); }

private:
    void note(std::atomic<bool>& flag) noexcept {
        flag.store(true, std::memory_order_release);
        notice_.signal();
    }
    [[nodiscard]] static bool load(const std::atomic<bool>& flag) noexcept {
        return flag.load(std::memory_order_acquire);
    }

    echod::EventFd& notice_;
    std::atomic<bool> ramped_{false};
    std::atomic<bool> answered_{false};
    std::atomic<bool> found_wrong_{false};
};

} // namespace echoload
