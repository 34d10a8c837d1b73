// SPDX-License-Identifier: MIT
// One epoll instance: who is watched under which token, and the wait itself.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

#include <sys/epoll.h>

#include <cstdint>
#include <optional>
#include <span>

namespace echod {

/// Events after which a short read does not mean "nothing left": the other end may be gone.
inline constexpr std::uint32_t kHungUp = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/// An epoll(7) instance. Tokens are opaque here; their owner keeps them from going stale.
class Epoll {
public:
    /// Throws std::system_error where epoll_create1(2) fails.
    Epoll();

    /// Watches fd for `events` (EPOLLIN | EPOLLET and so on); 0 or the errno.
    [[nodiscard]] int add(int fd, std::uint32_t events, std::uint64_t token) noexcept;

    /// Changes what fd is watched for. The kernel looks at fd anew, so what is already ready is
    /// reported again (epoll_ctl(2), EPOLL_CTL_MOD). 0 or the errno.
    [[nodiscard]] int modify(int fd, std::uint32_t events, std::uint64_t token) noexcept;

    /// Stops watching fd; 0 or the errno.
    int remove(int fd) noexcept;

    /// Waits until something is ready or `timeout` has passed: none waits for ever, zero only
    /// looks. Returns how many of `events` were filled; 0 on a timeout or a signal. Never wakes
    /// before the timeout. -errno on a failure, which only a bug can cause.
    [[nodiscard]] int wait(std::span<epoll_event> events, std::optional<Duration> timeout) noexcept;

    /// How much later than asked wait() may end because the kernel counts in milliseconds.
    [[nodiscard]] Duration grain() const noexcept {
        return has_nanoseconds_ ? Duration::zero() : std::chrono::milliseconds(1);
    }

private:
    UniqueFd fd_;
    bool has_nanoseconds_ = true;
};

} // namespace echod
