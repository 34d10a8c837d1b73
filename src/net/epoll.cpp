// SPDX-License-Identifier: MIT
#include "net/epoll.hpp"

#include "base/sys_error.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>

namespace echod {

namespace {

int room(std::span<epoll_event> events) noexcept {
    return static_cast<int>(std::min<std::size_t>(events.size(), std::numeric_limits<int>::max()));
}

// What a failed wait returns. A signal that interrupts it is no failure.
int failed() noexcept {
    return errno == EINTR ? 0 : -errno;
}

} // namespace

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
    if (!timeout || *timeout <= Duration::zero()) {
        return wait_milliseconds(events, timeout ? 0 : -1);
    }
    if (has_nanoseconds_) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*timeout);
        timespec ts{};
        ts.tv_sec = static_cast<time_t>(seconds.count());
        ts.tv_nsec = static_cast<long>((*timeout - seconds).count());
        const int n = ::epoll_pwait2(fd_.get(), events.data(), room(events), &ts, nullptr);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return n >= 0 ? n : failed();
        }
        // Before Linux 5.11, and under valgrind 3.19; EPERM from a filter that does not know the
        // call.
        has_nanoseconds_ = false;
    }
    const auto up = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
    return wait_milliseconds(
        events, static_cast<int>(std::min<std::int64_t>(up, std::numeric_limits<int>::max())));
}

int Epoll::wait_milliseconds(std::span<epoll_event> events, int milliseconds) noexcept {
    const int n = ::epoll_wait(fd_.get(), events.data(), room(events), milliseconds);
    return n >= 0 ? n : failed();
}

} // namespace echod
