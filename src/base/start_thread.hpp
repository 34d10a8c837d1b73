// SPDX-License-Identifier: MIT
// A thread, or an error that says that there is none.
#pragma once

#include "base/sys_error.hpp"

#include <fmt/format.h>
#include <system_error>

#include <stdexcept>
#include <thread>
#include <utility>

namespace echod {

/// Runs `task` in a thread. The text of std::system_error names nothing ("Resource temporarily
/// unavailable"): throws std::runtime_error that names what failed (pthread_create(3), EAGAIN: a
/// limit of processes is reached).
template <class Task>
[[nodiscard]] std::thread start_thread(Task&& task) {
    try {
        return std::thread(std::forward<Task>(task));
    } catch (const std::system_error& error) {
        throw std::runtime_error(
            fmt::format("cannot start a thread: {}", describe_errno(error.code().value())));
    }
}

} // namespace echod
