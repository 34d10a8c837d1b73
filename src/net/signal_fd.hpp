// SPDX-License-Identifier: MIT
// Signals as something the loop reads, instead of something that interrupts it.
#pragma once

#include "base/unique_fd.hpp"

#include <signal.h>

#include <initializer_list>
#include <optional>

namespace echod {

/// Blocks signals for the calling thread, so that one which comes early waits for whoever reads it
/// later. Returns what was blocked before, for restore_signals(). Throws std::system_error.
sigset_t block_signals(std::initializer_list<int> signals);

/// Blocks what was blocked before, no more: a signal that came meanwhile acts now.
void restore_signals(const sigset_t& before) noexcept;

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
