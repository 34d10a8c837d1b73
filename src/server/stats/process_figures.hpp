// SPDX-License-Identifier: MIT
// What the daemon's process uses, as Prometheus' clients report it for every process.
#pragma once

#include <cstdint>
#include <optional>

namespace echod {

/// Nothing where the kernel does not say.
struct ProcessFigures {
    std::optional<double> cpu_seconds;               ///< user and system time since the start
    std::optional<std::uint64_t> open_fds;           ///< open descriptors
    std::optional<std::uint64_t> max_fds;            ///< RLIMIT_NOFILE; nothing if unlimited
    std::optional<std::uint64_t> virtual_memory;     ///< bytes
    std::optional<std::uint64_t> max_virtual_memory; ///< RLIMIT_AS; nothing if unlimited
    std::optional<std::uint64_t> resident_memory;    ///< bytes
};

/// Reads the figures of this process. Counting the descriptors visits each of them on kernels
/// before Linux 6.2.
[[nodiscard]] ProcessFigures read_process_figures() noexcept;

} // namespace echod
