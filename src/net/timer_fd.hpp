// SPDX-License-Identifier: MIT
// A timer that an epoll loop waits for like for any other event.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace echod {

/// A timerfd(2) on the clock of Clock. Watch fd() with EPOLLIN | EPOLLET: it is never read, since
/// set_at() takes back what was not.
///
/// It stands in for the timeout of epoll_wait(2) where the time to wait for hardly ever changes:
/// the kernel would start and stop a timer of its own at every wait, which a loop that sleeps
/// between any two messages pays for with each.
class TimerFd {
public:
    static constexpr TimePoint kNever = TimePoint::max();

    /// Throws std::system_error where the kernel refuses.
    TimerFd();

    /// Borrowed, for epoll.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// When it goes off; kNever where it does not.
    [[nodiscard]] TimePoint at() const noexcept { return at_; }

    /// Makes it go off once at `at`, or as soon as can be where that has passed. In place of what
    /// was set before. `at` is not kNever.
    void set_at(TimePoint at) noexcept;

    /// It has gone off.
    void note_fired() noexcept { at_ = kNever; }

private:
    UniqueFd fd_;
    TimePoint at_ = kNever;
};

} // namespace echod
