// SPDX-License-Identifier: MIT
// One epoll instance: descriptors, the events they are registered for, and the wait.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

#include <sys/epoll.h>

#include <cstdint>
#include <optional>
#include <span>

namespace echod {

/// Events after which a short read does not mean that nothing is left: the peer may have closed.
inline constexpr std::uint32_t kHungUp = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/// An epoll(7) instance. A token is opaque here; the caller recognises those that are stale.
class Epoll {
public:
    /// Throws std::system_error where epoll_create1(2) fails.
    Epoll();

    /// Registers fd for `events`, such as EPOLLIN | EPOLLET; `token` comes back with them. 0 or the
    /// errno.
    [[nodiscard]] int add(int fd, std::uint32_t events, std::uint64_t token) noexcept;

    /// Changes the events and the token of fd. The kernel checks fd anew, so an event that is
    /// already there is reported again (epoll_ctl(2), EPOLL_CTL_MOD). 0 or the errno.
    [[nodiscard]] int modify(int fd, std::uint32_t events, std::uint64_t token) noexcept;

    /// Ends the registration of fd; 0 or the errno.
    int remove(int fd) noexcept;

    /// Waits for an event or until `timeout` has passed; without a timeout for ever, with zero not
    /// at all. Returns the number of `events` that were filled; 0 on a timeout or a signal. Without
    /// an event it never returns before the timeout. -errno on a failure, which only a bug can
    /// cause.
    [[nodiscard]] int wait(std::span<epoll_event> events, std::optional<Duration> timeout) noexcept;

    /// How much later than the timeout wait() may return, where the kernel counts in milliseconds.
    [[nodiscard]] Duration granularity() const noexcept {
        return has_nanoseconds_ ? Duration::zero() : std::chrono::milliseconds(1);
    }

private:
    [[nodiscard]] int wait_milliseconds(std::span<epoll_event> events, int milliseconds) noexcept;

    UniqueFd fd_;
    bool has_nanoseconds_ = true;
};

} // namespace echod
