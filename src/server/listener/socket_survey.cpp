// SPDX-License-Identifier: MIT
#include "server/listener/socket_survey.hpp"

#include "net/fd_passing.hpp"
#include "net/socket.hpp"
#include "server/listener/bound_address.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace echod {

namespace {

// In the record of a client: not known yet, and no listener that was open at that time.
constexpr std::uint16_t kUnknown = 0;
constexpr std::uint16_t kNone = 1;

enum class Match : std::uint8_t { none, wildcard, exact };

Match match_local(const Endpoint& listener, const Endpoint& local) noexcept {
    if (local.family() != listener.family()) {
        return Match::none;
    }
    if (local.family() == AF_UNIX) {
        return local.length() == listener.length() &&
                       std::memcmp(local.address(), listener.address(), local.length()) == 0
                   ? Match::exact
                   : Match::none;
    }
    if (is_bound_to(listener, local)) {
        return Match::exact;
    }
    return is_wildcard(listener) && listener.port() == local.port() ? Match::wildcard : Match::none;
}

} // namespace

void SocketSurvey::learn(const std::vector<Listener>& listeners) {
    std::vector<Known> known;
    known.reserve(listeners.size());
    for (const Listener& listener : listeners) {
        const std::uint64_t cookie = socket_cookie(listener.fd.get());
        const auto old = std::find_if(known_.begin(), known_.end(),
                                      [cookie](const Known& one) { return one.cookie == cookie; });
        if (old != known_.end()) {
            known.push_back(*old);
            known.back().connections = 0;
            continue;
        }
        last_key_ = last_key_ == std::numeric_limits<std::uint16_t>::max()
                        ? static_cast<std::uint16_t>(kNone + 1)
                        : static_cast<std::uint16_t>(last_key_ + 1);
        known.push_back({cookie, last_key_, local_endpoint(listener.fd.get()), 0});
    }
    known_ = std::move(known);
}

std::uint16_t SocketSurvey::key_of(int connection) const noexcept {
    const Endpoint local = local_endpoint(connection);
    std::uint16_t best = kNone;
    for (const Known& one : known_) {
        const Match match = match_local(one.bound, local);
        if (match == Match::exact) {
            return one.key;
        }
        best = match == Match::wildcard && best == kNone ? one.key : best;
    }
    return best;
}

void SocketSurvey::count(std::uint16_t key) noexcept {
    const auto listener = std::find_if(known_.begin(), known_.end(),
                                       [key](const Known& one) { return one.key == key; });
    ++(listener == known_.end() ? closed_ : listener->connections);
}

// Several listeners may have the same name (SO_REUSEPORT): they are one.
void SocketSurvey::sum_up(const std::vector<Listener>& listeners) {
    std::vector<ListenerConnections> all;
    const auto add = [&all](const std::string& name, std::uint32_t connections) {
        const auto same = std::find_if(all.begin(), all.end(), [&](const ListenerConnections& one) {
            return one.listener == name;
        });
        if (same == all.end()) {
            all.push_back({name, connections});
        } else {
            same->connections += connections;
        }
    };
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        add(listeners[i].name, known_[i].connections);
    }
    if (closed_ != 0) {
        add(kClosedListener, closed_);
    }
    figures_.by_listener = std::move(all);
}

bool SocketSurvey::update(Clients& clients, const std::vector<Listener>& listeners, TimePoint now) {
    constexpr Duration kValidFor = std::chrono::seconds(1);
    if (made_at_ && now - *made_at_ < kValidFor) {
        return false;
    }
    learn(listeners);
    closed_ = 0;
    const std::size_t step = clients.open() / kMeasured + 1;
    std::size_t visited = 0;
    std::size_t measured = 0;
    std::uint64_t memory = 0;
    clients.visit([&](int fd, std::uint16_t& listener) {
        listener = listener == kUnknown ? key_of(fd) : listener;
        count(listener);
        if (visited++ % step == 0) {
            memory += socket_memory(fd);
            ++measured;
        }
    });
    sum_up(listeners);
    figures_.memory = measured == 0 ? 0 : memory * visited / measured;
    made_at_ = now;
    return true;
}

} // namespace echod
