// SPDX-License-Identifier: MIT
#include "server/loop/warnings.hpp"

#include "base/sys_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace echod {

namespace {

// The end of a line whose kind was suppressed before.
std::string repeated(std::uint64_t suppressed) {
    return suppressed == 0 ? "" : fmt::format("; {} more times since the last warning", suppressed);
}

// What to change if a connection cannot be added: epoll_ctl(2), ERRORS.
std::string_view setup_advice(int error) {
    switch (error) {
    case ENOSPC:
        return "; raise fs.epoll.max_user_watches, see epoll(7)";
    case ENOMEM:
        return "; raise MemoryMax= of the unit or lower limits.max_connections";
    default:
        return "";
    }
}

} // namespace

void Warnings::log(const AcceptState& accepting, const Config& config, TimePoint now) {
    log_capacity(accepting, config.limits, now);
    log_per_ip(config.limits, now);
    log_unexpected_proxy(accepting.unexpected_proxy, config.listen);
    if (accepting.pause_error != 0) {
        log_pause(accepting.pause_error, now);
        log_setup(accepting.pause_error, now);
    }
}

// Logged when the limit is reached, and again for connections that it costs their place. Those that
// wait in the backlog (when_full = "queue") are in the statistics.
void Warnings::log_capacity(const AcceptState& accepting, const Config::Limits& limits,
                            TimePoint now) {
    const bool reached = accepting.full && !was_full_;
    was_full_ = accepting.full;
    const std::uint64_t rejections =
        counters_.rejected + counters_.closed[static_cast<std::size_t>(CloseReason::evicted)];
    const std::uint64_t times = std::max<std::uint64_t>(
        rejections - std::exchange(logged_rejections_, rejections), reached ? 1 : 0);
    if (times == 0) {
        return;
    }
    if (const auto suppressed = capacity_limit_.allow(now, times)) {
        const bool by_config = accepting.most == limits.max_connections;
        log_.entry(LogLevel::warning, message_id::kLimit, {},
                   fmt::format("{} ({}) is reached, when_full applies{}",
                               by_config ? "limits.max_connections"
                                         : "the number of connections that RLIMIT_NOFILE allows",
                               accepting.most, repeated(*suppressed)));
    }
}

void Warnings::log_per_ip(const Config::Limits& limits, TimePoint now) {
    const std::uint64_t times =
        counters_.rejected_per_ip - std::exchange(logged_per_ip_, counters_.rejected_per_ip);
    if (times == 0) {
        return;
    }
    if (const auto suppressed = per_ip_limit_.allow(now, times)) {
        log_.entry(LogLevel::warning, message_id::kLimit, {},
                   fmt::format("limits.max_connections_per_ip ({}) is reached by an address{}",
                               limits.max_connections_per_ip, repeated(*suppressed)));
    }
}

void Warnings::log_pause(int error, TimePoint now) {
    if (std::exchange(logged_accept_errors_, counters_.accept_errors) == counters_.accept_errors) {
        return;
    }
    if (const auto suppressed = pause_limit_.allow(now)) {
        log_.entry(LogLevel::warning, message_id::kLimit, {},
                   fmt::format("cannot accept connections: {}; they stay in the backlog{}",
                               describe_errno(error), repeated(*suppressed)));
    }
}

void Warnings::log_setup(int error, TimePoint now) {
    if (std::exchange(logged_setup_errors_, counters_.setup_errors) == counters_.setup_errors) {
        return;
    }
    if (const auto suppressed = setup_limit_.allow(now)) {
        log_.entry(LogLevel::warning, message_id::kLimit, {},
                   fmt::format("cannot add a connection: {}; new connections wait{}{}",
                               describe_errno(error), setup_advice(error), repeated(*suppressed)));
    }
}

// Once, because it is a matter of the configuration and every client behind the load balancer
// causes one.
void Warnings::log_unexpected_proxy(const Endpoint& peer, const Config::Listen& listen) {
    if (std::exchange(seen_unexpected_proxy_, counters_.unexpected_proxy) ==
            counters_.unexpected_proxy ||
        listen.proxy_protocol != ProxyProtocol::off ||
        std::exchange(logged_unexpected_proxy_, true)) {
        return;
    }
    const std::string who = peer.length() == 0 ? "a client" : peer.to_string();
    log_.entry(LogLevel::warning, message_id::kProxyHeader, {},
               fmt::format("{} began with a PROXY header, which is a protocol error because "
                           "listen.proxy_protocol is \"off\"; if it is a load balancer, set "
                           "proxy_protocol = \"required\" and list its network in proxy_from, or "
                           "turn the header off there (send-proxy of HAProxy, proxy_protocol of "
                           "nginx); further ones are only counted (unexpected_proxy)",
                           who));
}

} // namespace echod
