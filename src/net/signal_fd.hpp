// SPDX-License-Identifier: MIT
// Signals that the loop reads, instead of signals that interrupt it.
#pragma once

#include "base/unique_fd.hpp"

#include <signal.h>

#include <initializer_list>
#include <optional>

namespace echod {

/// Blocks signals for the calling thread, so that an early one stays pending until it is read.
/// Returns the signals blocked before, for restore_signals(). Throws std::system_error.
sigset_t block_signals(std::initializer_list<int> signals);

/// Restores the blocked signals of `before`: a pending signal is delivered now.
void restore_signals(const sigset_t& before) noexcept;

/// Blocks a set of signals for the calling thread and reads them from a signalfd(2).
class SignalFd {
public:
    /// Throws std::system_error where the kernel refuses. The signals stay blocked after the object
    /// is destroyed: a late one must not kill a process that is already ending.
    SignalFd(std::initializer_list<int> signals);

    /// Borrowed, for epoll.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// The next pending signal, or nothing where there is none.
    [[nodiscard]] std::optional<int> next() noexcept;

private:
    UniqueFd fd_;
};

} // namespace echod
