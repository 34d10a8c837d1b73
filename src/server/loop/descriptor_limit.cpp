// SPDX-License-Identifier: MIT
#include "server/loop/descriptor_limit.hpp"

#include "server/control/control_socket.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace echod {

namespace {

// Beside those of connections and listeners: standard streams, epoll, signalfd, timerfd, the log,
// the control and the statistics socket with their clients, a notification, a configuration file, a
// connection that is accepted to be rejected; for a handover the datagram pair, the state file and
// the pipe of the barrier.
constexpr std::uint64_t kReservedDescriptors = 15 + 2 * ControlSocket::kTokens;

} // namespace

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

std::optional<std::uint64_t> descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return std::nullopt;
    }
    return limit.rlim_cur;
}

std::uint64_t reserved_descriptors(std::size_t listeners) noexcept {
    return listeners + kReservedDescriptors;
}

std::uint32_t room_for_connections(std::optional<std::uint64_t> limit,
                                   std::size_t listeners) noexcept {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (!limit) {
        return static_cast<std::uint32_t>(kMost);
    }
    const std::uint64_t reserved = reserved_descriptors(listeners);
    const std::uint64_t room = *limit > reserved ? *limit - reserved : 1;
    return static_cast<std::uint32_t>(std::min(room, kMost));
}

} // namespace echod
