// SPDX-License-Identifier: MIT
#include "net/timer_fd.hpp"

#include "base/sys_error.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>

namespace echod {

TimerFd::TimerFd() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (!fd_) {
        throw_errno(errno, "timerfd_create");
    }
}

void TimerFd::set_at(TimePoint at) noexcept {
    // All zero would disarm it.
    const Duration since_boot = std::max(at.time_since_epoch(), Duration(1));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    itimerspec time{};
    time.it_value.tv_sec = static_cast<time_t>(seconds.count());
    time.it_value.tv_nsec = static_cast<long>((since_boot - seconds).count());
    // It fails only for an invalid descriptor or time, and these are valid.
    (void)::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &time, nullptr);
    at_ = at;
}

} // namespace echod
