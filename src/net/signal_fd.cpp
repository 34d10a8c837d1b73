// SPDX-License-Identifier: MIT
#include "net/signal_fd.hpp"

#include "base/sys_error.hpp"

#include <pthread.h>
#include <sys/signalfd.h>

#include <cerrno>

namespace echod {

namespace {

sigset_t set_of(std::initializer_list<int> signals) noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : signals) {
        ::sigaddset(&set, signal);
    }
    return set;
}

} // namespace

sigset_t block_signals(std::initializer_list<int> signals) {
    const sigset_t set = set_of(signals);
    sigset_t before;
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, &before); error != 0) {
        throw_errno(error, "pthread_sigmask");
    }
    return before;
}

void restore_signals(const sigset_t& before) noexcept {
    (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SignalFd::SignalFd(std::initializer_list<int> signals) {
    (void)block_signals(signals);
    const sigset_t set = set_of(signals);
    fd_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd_) {
        throw_errno(errno, "signalfd");
    }
}

std::optional<int> SignalFd::next() noexcept {
    signalfd_siginfo info{};
    for (;;) {
        const ssize_t n = ::read(fd_.get(), &info, sizeof info);
        if (n == static_cast<ssize_t>(sizeof info)) {
            return static_cast<int>(info.ssi_signo);
        }
        if (n >= 0 || errno != EINTR) {
            return std::nullopt;
        }
    }
}

} // namespace echod
