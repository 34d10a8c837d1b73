// SPDX-License-Identifier: MIT
// Wakes the epoll loop of another thread.
#pragma once

#include "base/unique_fd.hpp"

namespace echod {

/// An eventfd(2): readable from signal() until clear(), however often signal() was called.
class EventFd {
public:
    /// Throws std::system_error where the kernel refuses.
    EventFd();

    /// Borrowed, for epoll.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Makes fd() readable; any thread may call it.
    void signal() noexcept;

    /// Makes fd() unreadable until the next signal().
    void clear() noexcept;

private:
    UniqueFd fd_;
};

} // namespace echod
