// SPDX-License-Identifier: MIT
// What is said of limits that are reached, of descriptors that lack, and of clients at fault.
#include "base/sys_error.hpp"
#include "server/out_of_memory.hpp"
#include "server/server.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace echod {

namespace {

// Descriptors beside the connections' and the listeners', kept free for what must work when clients
// are many: standard streams, epoll, signalfd, timerfd, the log, the control socket and its askers,
// a notification, a configuration being read, an accept that is about to be refused; and for a
// hand-over the datagram pair, the state file and the pipe of the barrier.
constexpr std::uint64_t kReservedDescriptors = 15 + ControlSocket::kTokens;

// The end of a line that was held back so often.
std::string times_more(std::uint64_t held_back) {
    return held_back == 0 ? "" : fmt::format("; {} times more since this was last said", held_back);
}

} // namespace

std::optional<std::uint64_t> RateLimit::allow(TimePoint now, std::uint64_t times) noexcept {
    if (next_ && now < *next_) {
        held_back_ += times;
        return std::nullopt;
    }
    next_ = now + kPause;
    return std::exchange(held_back_, 0) + times - 1;
}

void Server::tell_incidents(TimePoint now) {
    tell_full(now);
    if (counters_.rejected_per_ip != told_per_ip_) {
        const std::uint64_t times =
            counters_.rejected_per_ip - std::exchange(told_per_ip_, counters_.rejected_per_ip);
        if (const auto held_back = per_ip_limit_.allow(now, times)) {
            log_.entry(LogLevel::warning, message_id::kLimit, {},
                       fmt::format("limits.max_connections_per_ip ({}) is reached by an address{}",
                                   config_.limits.max_connections_per_ip, times_more(*held_back)));
        }
    }
    if (acceptor_.pause_error() != 0 && counters_.accept_errors != told_accept_errors_) {
        told_accept_errors_ = counters_.accept_errors;
        if (const auto held_back = exhausted_limit_.allow(now)) {
            log_.entry(LogLevel::warning, message_id::kLimit, {},
                       fmt::format("cannot accept: {}; new connections wait{}",
                                   describe_errno(acceptor_.pause_error()),
                                   times_more(*held_back)));
        }
    }
}

// Said as the limit is reached, and again for whom it costs a place while it lasts: those that wait
// ("queue") are in the statistics.
void Server::tell_full(TimePoint now) {
    const bool full = acceptor_.is_full();
    const bool reached = full && !was_full_;
    was_full_ = full;
    const std::uint64_t turned_away =
        counters_.rejected + counters_.closed[static_cast<std::size_t>(CloseReason::evicted)];
    const std::uint64_t times = std::max<std::uint64_t>(
        turned_away - std::exchange(told_turned_away_, turned_away), reached ? 1 : 0);
    if (times == 0) {
        return;
    }
    if (const auto held_back = full_limit_.allow(now, times)) {
        const bool by_config = acceptor_.most() == config_.limits.max_connections;
        log_.entry(LogLevel::warning, message_id::kLimit, {},
                   fmt::format("{} ({}) is reached, when_full applies{}",
                               by_config ? "limits.max_connections"
                                         : "what RLIMIT_NOFILE leaves for connections",
                               acceptor_.most(), times_more(*held_back)));
    }
}

// At level debug alone: for each connection at any other, it would be a lever in an attacker's
// hand.
void Server::tell_fault(const Fault& fault) {
    unless_memory_is_out([&] {
        if (fault.reason.empty()) {
            log_->debug("{}: {}", fault.peer.to_string(), fault.counter);
        } else {
            log_->debug("{}: {}_{} after {} messages and {} bytes", fault.peer.to_string(),
                        fault.counter, fault.reason, fault.messages, fault.bytes);
        }
    });
}

std::uint64_t Server::reserved_descriptors() const noexcept {
    return acceptor_.listeners().size() + kReservedDescriptors;
}

// Clients never get the last descriptors: without one for it, no reload, no status, no notification
// could help the operator who has run out of them.
std::uint32_t Server::room_for_connections() const noexcept {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return static_cast<std::uint32_t>(kMost);
    }
    const std::uint64_t reserved = reserved_descriptors();
    const std::uint64_t room = limit.rlim_cur > reserved ? limit.rlim_cur - reserved : 1;
    return static_cast<std::uint32_t>(std::min(room, kMost));
}

void Server::warn_if_descriptors_lack() {
    rlimit limit{};
    const std::uint64_t needed = config_.limits.max_connections + reserved_descriptors();
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed) {
        log_.entry(
            LogLevel::warning, message_id::kLimit, {},
            fmt::format("limits.max_connections is {}, but RLIMIT_NOFILE is {} and {} would "
                        "be needed: when_full applies beyond {} connections; raise "
                        "LimitNOFILE= of the unit (ulimit -n in a shell), or lower the limit",
                        config_.limits.max_connections, limit.rlim_cur, needed, acceptor_.most()));
    }
}

} // namespace echod
