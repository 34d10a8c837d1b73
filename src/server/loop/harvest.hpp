// SPDX-License-Identifier: MIT
// Every event that is ready, whatever the number of connections.
#pragma once

#include "net/epoll.hpp"

#include <cstddef>
#include <span>

namespace echod {

/// Passes the first `count` of `events` to dispatch(token, events), and then, while epoll fills all
/// of `events`, those of further waits that do not sleep. So an iteration that begins now knows
/// everything that was ready when it began: with a single wait, N busy connections would delay any
/// other event by N / events.size() iterations. At most `connections` / events.size() + 1 waits are
/// added, because sockets that become ready meanwhile could continue without end. Returns how many
/// events there were, or -errno where epoll_wait(2) failed.
template <class Dispatch>
[[nodiscard]] int harvest(Epoll& epoll, std::span<epoll_event> events, int count,
                          std::size_t connections, Dispatch&& dispatch) {
    int total = 0;
    for (std::size_t waits = connections / events.size() + 1;; --waits) {
        for (const epoll_event& event : events.first(static_cast<std::size_t>(count))) {
            dispatch(event.data.u64, event.events);
        }
        total += count;
        if (static_cast<std::size_t>(count) < events.size() || waits == 0) {
            return total;
        }
        count = epoll.wait(events, Duration::zero());
        if (count < 0) {
            return count;
        }
    }
}

} // namespace echod
