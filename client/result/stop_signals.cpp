// SPDX-License-Identifier: MIT
#include "client/result/stop_signals.hpp"

#include <csignal>

namespace echoload {

namespace {

bool is_ignored(int signal) noexcept {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

} // namespace

echod::SignalFd stop_signals(const RunSignals& others) {
    // SIGTERM twice is once: the numbers are those of a set.
    const auto unless_ignored = [](int signal) { return is_ignored(signal) ? SIGTERM : signal; };
    const int snapshot = others.snapshots ? SIGUSR1 : SIGTERM;
    int hangup = SIGHUP;
    if (others.hangup != Hangup::is_read) {
        hangup = others.hangup == Hangup::pends ? SIGTERM : unless_ignored(SIGHUP);
    }
    return {SIGTERM, unless_ignored(SIGINT), unless_ignored(SIGQUIT), hangup, snapshot};
}

const char* name_of_signal(int signal) noexcept {
    switch (signal) {
    case SIGINT:
        return "SIGINT";
    case SIGHUP:
        return "SIGHUP";
    case SIGQUIT:
        return "SIGQUIT";
    default:
        return "SIGTERM";
    }
}

} // namespace echoload
