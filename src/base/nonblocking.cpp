// SPDX-License-Identifier: MIT
#include "base/nonblocking.hpp"

#include <climits>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace echod {

namespace {

constexpr int kOpenFlags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

bool is_same_terminal(int a, int b) noexcept {
    unsigned int device_a = 0;
    unsigned int device_b = 0;
    return ::ioctl(a, TIOCGDEV, &device_a) == 0 && ::ioctl(b, TIOCGDEV, &device_b) == 0 &&
           device_a == device_b;
}

// Sends SIGALRM every 20 ms, to interrupt a write(2) that blocks. It repeats, because the first one
// may come before the write.
class Interruption {
public:
    Interruption() noexcept {
        struct sigaction action {};
        action.sa_handler = [](int) {}; // without SA_RESTART
        ::sigaction(SIGALRM, &action, &before_);
        constexpr timeval kInterval{0, 20'000};
        const itimerval timer{kInterval, kInterval};
        ::setitimer(ITIMER_REAL, &timer, nullptr);
    }
    ~Interruption() {
        const itimerval stopped{};
        ::setitimer(ITIMER_REAL, &stopped, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

private:
    struct sigaction before_ {};
};

} // namespace

// A terminal of another user can be opened only under the name of the controlling terminal
// (tty(4)).
UniqueFd open_again(int fd) {
    UniqueFd own(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), kOpenFlags));
    if (!own && ::isatty(fd) == 1) {
        own.reset(::open("/dev/tty", kOpenFlags));
        if (own && !is_same_terminal(own.get(), fd)) {
            own.reset();
        }
    }
    return own;
}

// poll(2) promises room for PIPE_BUF bytes in a pipe that has no other writer, but only for one
// byte in a terminal.
ssize_t write_interruptibly(int fd, std::string_view text) noexcept {
    pollfd out{fd, POLLOUT, 0};
    if (::poll(&out, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t size = 0;
    int error = 0;
    {
        const Interruption interruption;
        size = ::write(fd, text.data(), text.size() < PIPE_BUF ? text.size() : PIPE_BUF);
        error = errno == EINTR ? EAGAIN : errno;
    }
    errno = error;
    return size;
}

} // namespace echod
