// SPDX-License-Identifier: MIT
// A timer as an event of an epoll loop.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace echod {

/// A timerfd(2) on the clock of Clock. Register fd() with EPOLLIN | EPOLLET: it need not be read,
/// since set_at() resets it.
///
/// It replaces the timeout of epoll_wait(2) where the next deadline seldom changes. For a timeout
/// the kernel starts and stops a timer at every wait; a loop that sleeps between two messages pays
/// for that with each message.
class TimerFd {
public:
    /// Throws std::system_error where the kernel refuses.
    TimerFd();

    /// Borrowed, for epoll.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// When it expires; kNever where it is not set.
    [[nodiscard]] TimePoint at() const noexcept { return at_; }

    /// Makes it expire once at `at`, or at once where that has passed; replaces the earlier
    /// setting. `at` is not kNever.
    void set_at(TimePoint at) noexcept;

    /// Records that it has expired.
    void note_fired() noexcept { at_ = kNever; }

private:
    UniqueFd fd_;
    TimePoint at_ = kNever;
};

} // namespace echod
