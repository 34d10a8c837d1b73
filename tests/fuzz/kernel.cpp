// SPDX-License-Identifier: MIT
#include "kernel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <utility>

extern "C" {
ssize_t __real_recv(int fd, void* data, std::size_t size, int flags);
ssize_t __real_send(int fd, const void* data, std::size_t size, int flags);
int __real_epoll_ctl(int epoll, int operation, int fd, epoll_event* event);
}

namespace fuzz {

Kernel& kernel() noexcept {
    static Kernel instance;
    return instance;
}

void Kernel::reset() {
    *this = Kernel{};
}

void Kernel::forget_descriptors() {
    watched.clear();
    deceived.clear();
}

void Kernel::make_good() {
    for (const int fd : std::exchange(deceived, {})) {
        if (const auto found = watched.find(fd); found != watched.end()) {
            __real_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &found->second);
        }
    }
}

namespace {

template <class T>
T next_of(std::deque<T>& plan) {
    if (plan.empty()) {
        return T{};
    }
    const T next = plan.front();
    plan.pop_front();
    return next;
}

// The errno of a fault, or 0 if it is no error.
int error_of(Fault fault) noexcept {
    switch (fault) {
    case Fault::interrupted:
        return EINTR;
    case Fault::would_block:
        return EAGAIN;
    case Fault::reset:
        return ECONNRESET;
    case Fault::broken_pipe:
        return EPIPE;
    case Fault::no_memory:
        return ENOMEM;
    case Fault::no_buffers:
        return ENOBUFS;
    case Fault::timed_out:
        return ETIMEDOUT;
    default:
        return 0;
    }
}

// The number of bytes, at most `size`, that the plan allows; -1 with errno set.
ssize_t meddle(std::deque<Fault>& plan, int fd, std::size_t size) {
    Kernel& kernel = fuzz::kernel();
    if (!kernel.watched.contains(fd)) {
        return static_cast<ssize_t>(size);
    }
    const Fault fault = next_of(plan);
    if (const int error = error_of(fault); error != 0) {
        kernel.was_fatal = kernel.was_fatal || (error != EINTR && error != EAGAIN);
        kernel.deceived.insert(fd);
        errno = error;
        return -1;
    }
    std::size_t part = size;
    if (fault == Fault::one_byte) {
        part = std::min<std::size_t>(size, 1);
    } else if (fault == Fault::half) {
        part = (size + 1) / 2;
    }
    if (part < size) {
        kernel.deceived.insert(fd);
    }
    return static_cast<ssize_t>(part);
}

} // namespace

} // namespace fuzz

extern "C" {

ssize_t __wrap_recv(int fd, void* data, std::size_t size, int flags) {
    const ssize_t part = fuzz::meddle(fuzz::kernel().receive, fd, size);
    return part < 0 ? -1 : __real_recv(fd, data, static_cast<std::size_t>(part), flags);
}

ssize_t __wrap_send(int fd, const void* data, std::size_t size, int flags) {
    const ssize_t part = fuzz::meddle(fuzz::kernel().send, fd, size);
    return part < 0 ? -1 : __real_send(fd, data, static_cast<std::size_t>(part), flags);
}

int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
    fuzz::Kernel& kernel = fuzz::kernel();
    if (fuzz::next_of(kernel.watch) == fuzz::Fault::no_memory) {
        kernel.was_fatal = true;
        errno = ENOMEM;
        return -1;
    }
    const int result = __real_epoll_ctl(epoll, operation, fd, event);
    if (result == 0 && event != nullptr) {
        kernel.epoll = epoll;
        kernel.watched[fd] = *event;
    }
    return result;
}

} // extern "C"

// The allocation function of the buffer pool.
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    fuzz::Kernel& kernel = fuzz::kernel();
    if (fuzz::next_of(kernel.refuse_memory)) {
        kernel.was_fatal = true;
        return nullptr;
    }
    return std::malloc(size);
}
void* operator new[](std::size_t size) {
    if (void* memory = std::malloc(size)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}
