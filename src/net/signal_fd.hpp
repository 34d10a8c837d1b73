// SPDX-License-Identifier: MIT
// Signals as something the loop reads, instead of something that interrupts it.
#pragma once

#include "base/unique_fd.hpp"

#include <initializer_list>
#include <optional>

namespace echod {

/// Blocks a set of signals for the calling thread and reads them from a signalfd(2).
class SignalFd {
public:
    /// Throws std::system_error where the kernel refuses. The signals stay blocked after the
    /// object is gone: what comes late must not kill a process that is already ending.
    SignalFd(std::initializer_list<int> signals);

    /// Borrowed, for epoll.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// The next signal that has come, or nothing where none waits.
    [[nodiscard]] std::optional<int> next() noexcept;

private:
    UniqueFd fd_;
};

} // namespace echod
