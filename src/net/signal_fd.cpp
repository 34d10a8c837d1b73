// SPDX-License-Identifier: MIT
#include "net/signal_fd.hpp"

#include "base/sys_error.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>

namespace echod {

SignalFd::SignalFd(std::initializer_list<int> signals) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : signals) {
        ::sigaddset(&set, signal);
    }
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
        throw_errno(error, "pthread_sigmask");
    }
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
