// SPDX-License-Identifier: MIT
#include "net/epoll.hpp"

#include "base/sys_error.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>

namespace echod {

Epoll::Epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!fd_) {
        throw_errno(errno, "epoll_create1");
    }
}

int Epoll::add(int fd, std::uint32_t events, std::uint64_t token) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    return ::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int Epoll::modify(int fd, std::uint32_t events, std::uint64_t token) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    return ::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

int Epoll::remove(int fd) noexcept {
    return ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0 ? 0 : errno;
}

int Epoll::wait(std::span<epoll_event> events, std::optional<Duration> timeout) noexcept {
    const int room =
        static_cast<int>(std::min<std::size_t>(events.size(), std::numeric_limits<int>::max()));
    int n = -1;
    if (has_nanoseconds_ && timeout && *timeout > Duration::zero()) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*timeout);
        timespec ts{};
        ts.tv_sec = static_cast<time_t>(seconds.count());
        ts.tv_nsec = static_cast<long>((*timeout - seconds).count());
        n = ::epoll_pwait2(fd_.get(), events.data(), room, &ts, nullptr);
        if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
            // Before Linux 5.11, and under valgrind 3.19; EPERM from a filter that does not know
            // the call.
            has_nanoseconds_ = false;
        }
    }
    if (n < 0 && (!has_nanoseconds_ || !timeout || *timeout <= Duration::zero())) {
        int milliseconds = -1;
        if (timeout) {
            const auto up = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
            milliseconds =
                static_cast<int>(std::clamp<std::int64_t>(up, 0, std::numeric_limits<int>::max()));
        }
        n = ::epoll_wait(fd_.get(), events.data(), room, milliseconds);
    }
    if (n < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    return n;
}

} // namespace echod
