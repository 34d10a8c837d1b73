// SPDX-License-Identifier: MIT
//
// Overlapping addresses. A change between 0.0.0.0 and an address of the same port needs both
// sockets open at the same time, for which the kernel demands SO_REUSEPORT on both (socket(7)). It
// is set for the moment of the bind only, because one of them is closed then.
#include "server/listener/listener.hpp"

#include "base/sys_error.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"
#include "server/config/addresses.hpp"
#include "server/listener/bound_address.hpp"
#include "server/listener/socket_unit.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

namespace echod {

namespace {

bool is_absent(int error) noexcept {
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENODEV;
}

ListenResult listen_beside(const Endpoint& endpoint, int backlog,
                           const std::vector<Listener>& open) {
    const bool shared = is_instance();
    ListenResult result = try_listen_at(endpoint, backlog, shared);
    if (shared || result.error != EADDRINUSE) {
        return result;
    }
    std::vector<int> overlapping;
    for (const Listener& listener : open) {
        if (overlap(endpoint, local_endpoint(listener.fd.get()))) {
            overlapping.push_back(listener.fd.get());
            set_reuse_port(listener.fd.get(), true);
        }
    }
    if (overlapping.empty()) {
        return result;
    }
    result = try_listen_at(endpoint, backlog, true);
    if (result.fd) {
        overlapping.push_back(result.fd.get());
    }
    for (const int fd : overlapping) {
        set_reuse_port(fd, false);
    }
    return result;
}

// What helps against the error; empty where its text says enough.
std::string advice(int error, std::uint16_t port) {
    constexpr std::uint16_t kFirstUnprivileged = 1024;
    if (error != EACCES || port >= kFirstUnprivileged) {
        return "";
    }
    return fmt::format("; a port below {} needs either CAP_NET_BIND_SERVICE, which the drop-in "
                       "/usr/share/doc/echod/examples/echod.service.d/low-port.conf gives, or the "
                       "socket unit: systemctl disable --now {}; systemctl enable --now {}",
                       kFirstUnprivileged, service_unit(), socket_unit());
}

} // namespace

std::vector<std::string> expand_addresses(const std::vector<std::string>& addresses) {
    return addresses == std::vector{std::string(kEveryAddress)}
               ? std::vector<std::string>{"0.0.0.0", "::"}
               : addresses;
}

std::string address_name(const std::string& address, std::uint16_t port) {
    return address.find(':') != std::string::npos ? fmt::format("[{}]:{}", address, port)
                                                  : fmt::format("{}:{}", address, port);
}

Listener open_listener(const std::string& address, const Config::Listen& listen,
                       const std::vector<Listener>& open) {
    const auto endpoint = parse_ip(address, listen.port);
    if (!endpoint) {
        const int error = errno; // of if_nametoindex(3)
        throw ListenError(error, fmt::format("cannot listen on {}: there is no interface {}: {}",
                                             address_name(address, listen.port),
                                             address.substr(address.find('%') + 1),
                                             describe_errno(error)));
    }
    ListenResult result = listen_beside(*endpoint, static_cast<int>(listen.backlog), open);
    if (result.error != 0 && !may_open_sockets()) {
        throw ListenError(EPERM, fmt::format("no sockets were passed; see systemctl status {}: the "
                                             "sandbox of {} lets the daemon open none",
                                             socket_unit(), service_unit()));
    }
    if (result.error != 0) {
        throw ListenError(result.error,
                          fmt::format("cannot listen on {}: {}: {}{}", endpoint->to_string(),
                                      result.call, describe_errno(result.error),
                                      advice(result.error, listen.port)));
    }
    Listener listener;
    listener.name = local_endpoint(result.fd.get()).to_string();
    listener.fd = std::move(result.fd);
    return listener;
}

ListenPlan plan_listeners(const Config::Listen& listen, const std::vector<Listener>& open) {
    ListenPlan plan;
    plan.backlog = static_cast<int>(listen.backlog);
    const std::vector<std::string> addresses = expand_addresses(listen.addresses);
    const bool is_every = addresses.size() != listen.addresses.size();
    const bool may_miss = listen.missing == OnMissing::retry || is_every;
    std::vector<std::optional<Endpoint>> bound; // of the open ones that are not taken yet
    bound.reserve(open.size());
    for (const Listener& listener : open) {
        bound.emplace_back(local_endpoint(listener.fd.get()));
    }
    for (const std::string& address : addresses) {
        const auto wanted = parse_ip(address, listen.port);
        const auto same = std::find_if(bound.begin(), bound.end(), [&wanted](const auto& one) {
            return wanted && one && is_bound_to(*one, *wanted);
        });
        if (same != bound.end()) {
            plan.listeners.emplace_back().name = (*same)->to_string();
            plan.stays.push_back(static_cast<std::size_t>(same - bound.begin()));
            same->reset();
            continue;
        }
        try {
            plan.listeners.push_back(open_listener(address, listen, open));
            plan.stays.push_back(ListenPlan::kNew);
        } catch (const ListenError& error) {
            if (!may_miss || !is_absent(error.error())) {
                throw;
            }
            plan.missing.push_back({address, address_name(address, listen.port), error.error()});
        }
    }
    if (is_every && !plan.listeners.empty()) {
        plan.missing.clear(); // a machine without a family has no address of it
    }
    return plan;
}

std::vector<Listener> apply_plan(ListenPlan plan, std::vector<Listener>& open) noexcept {
    for (std::size_t i = 0; i < plan.listeners.size(); ++i) {
        if (plan.stays[i] != ListenPlan::kNew) {
            // From now on it is one of the configuration, also if it was passed before.
            plan.listeners[i].fd = std::move(open[plan.stays[i]].fd);
            const int fd = plan.listeners[i].fd.get();
            set_reuse_port(fd, is_instance());
            // listen(2) on a listening socket changes the backlog and closes no connection.
            (void)::listen(fd, plan.backlog);
        }
    }
    std::erase_if(open, [](const Listener& listener) { return !listener.fd; });
    return std::move(plan.listeners);
}

OpenedListeners open_listeners(const Config::Listen& listen, std::vector<Listener>&& old_sockets) {
    ListenPlan plan = plan_listeners(listen, old_sockets);
    OpenedListeners opened;
    opened.missing = std::move(plan.missing);
    opened.listeners = apply_plan(std::move(plan), old_sockets);
    old_sockets.clear();
    return opened;
}

} // namespace echod
