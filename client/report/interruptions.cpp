// SPDX-License-Identifier: MIT
#include "client/report/interruptions.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>

namespace echoload {

namespace {

// How soon to look again for the reader of a FIFO, of which the kernel does not tell.
constexpr int kRetryMs = 50;

// Of one poll(2); a longer wait has several.
constexpr std::int64_t kLongestMs = 1'000'000;

} // namespace

void Interruptions::leave_hangup_pending() {
    (void)echod::block_signals({SIGHUP});
    hangup_ = Hangup::pends;
}

echod::SignalFd& Interruptions::signals() {
    if (!signals_) {
        signals_.emplace(stop_signals({.snapshots = false, .hangup = hangup_}));
    }
    return *signals_;
}

void Interruptions::note(int signal) noexcept {
    first_ = first_ == 0 ? signal : first_;
}

void Interruptions::wait_writable(int fd) {
    if (second_ != 0) {
        throw Interrupted{second_};
    }
    std::array<pollfd, 2> either = {{{fd, POLLOUT, 0}, {signals().fd(), POLLIN, 0}}};
    (void)::poll(either.data(), either.size(), -1);
    while (const auto signal = signals().next()) {
        if (first_ != 0) {
            second_ = *signal;
            throw Interrupted{second_};
        }
        first_ = *signal;
    }
}

void Interruptions::wait_before_the_run() {
    pollfd readable = {signals().fd(), POLLIN, 0};
    if (first_ == 0) {
        (void)::poll(&readable, 1, kRetryMs);
    }
    note(signals().next().value_or(0));
    if (first_ != 0) {
        throw Interrupted{first_};
    }
}

int Interruptions::pause(echod::Duration time) {
    const echod::TimePoint end = echod::Clock::now() + time;
    for (;;) {
        note(signals().next().value_or(0));
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - echod::Clock::now());
        if (first_ != 0 || left.count() <= 0) {
            return first_;
        }
        pollfd readable = {signals_->fd(), POLLIN, 0};
        (void)::poll(&readable, 1,
                     static_cast<int>(std::min<std::int64_t>(left.count(), kLongestMs)));
    }
}

} // namespace echoload
