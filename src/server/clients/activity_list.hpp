// SPDX-License-Identifier: MIT
// All open clients in the order of their last activity.
#pragma once

#include "server/clients/client_table.hpp"

#include <cstdint>

namespace echod {

/// Every open client is in this list, the one that has been idle longest in front. The order is
/// exact to within `granularity`, so that a busy client is moved a few times a second and not once
/// a message. Eviction needs the exact order, and so a granularity of zero.
class ActivityList {
public:
    /// Borrows `table` for its life.
    explicit ActivityList(ClientTable& table) noexcept : table_(table) {}

    /// `timeout`: timeouts.idle, zero for no timeout; it applies to every client in the list.
    void configure(Duration timeout, Duration granularity) noexcept {
        timeout_ = timeout;
        granularity_ = granularity;
    }

    [[nodiscard]] std::uint32_t size() const noexcept { return list_.size(); }

    /// The client that has been idle longest, and the one that was active last; kNoIndex if there
    /// is none.
    [[nodiscard]] std::uint32_t front() const noexcept { return list_.front(); }
    [[nodiscard]] std::uint32_t back() const noexcept { return list_.back(); }
    /// The neighbour of a client that was active later or earlier; kNoIndex at the end.
    [[nodiscard]] std::uint32_t next(std::uint32_t slot) const noexcept {
        return list_.next(table_, slot);
    }
    [[nodiscard]] std::uint32_t previous(std::uint32_t slot) const noexcept {
        return list_.previous(table_, slot);
    }

    /// Adds a client that was active at `active`, not before any other in the list.
    void add(std::uint32_t slot, TimePoint active) noexcept;

    void remove(std::uint32_t slot) noexcept { list_.remove(table_, slot); }

    /// Moves the client to the back if it has been active since it was put where it is.
    void update(std::uint32_t slot, Client& client) noexcept {
        const TimePoint active = client.connection.last_activity();
        if (active - client.activity_stamp > granularity_) {
            client.activity_stamp = active;
            list_.remove(table_, slot);
            list_.push_back(table_, slot);
        }
    }

    /// When the idle timeout of the first client ends; kNever if there is none.
    [[nodiscard]] TimePoint next_deadline() const noexcept {
        if (list_.empty() || timeout_ == Duration::zero()) {
            return kNever;
        }
        return table_[list_.front()].connection.last_activity() + timeout_;
    }

    /// The first client if its idle timeout has ended at `now`, or kNoIndex.
    [[nodiscard]] std::uint32_t expired(TimePoint now) const noexcept;

private:
    ClientTable& table_;
    Duration timeout_{};
    Duration granularity_{};
    IndexList<Client, &Client::activity> list_; ///< by activity_stamp
};

} // namespace echod
