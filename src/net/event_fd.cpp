// SPDX-License-Identifier: MIT
#include "net/event_fd.hpp"

#include "base/sys_error.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>

namespace echod {

EventFd::EventFd() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!fd_) {
        throw_errno(errno, "eventfd");
    }
}

void EventFd::signal() noexcept {
    const std::uint64_t one = 1;
    // EAGAIN would mean that 2^64 - 2 signals are pending, so that it is readable already.
    [[maybe_unused]] const ssize_t n = ::write(fd_.get(), &one, sizeof one);
}

void EventFd::clear() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(fd_.get(), &count, sizeof count);
}

} // namespace echod
