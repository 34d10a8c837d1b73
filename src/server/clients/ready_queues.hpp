// SPDX-License-Identifier: MIT
// The ready connections, and the order in which they are served.
#pragma once

#include "server/clients/client_table.hpp"

#include <cstddef>
#include <cstdint>

namespace echod {

/// Two FIFO queues. In the prompt queue are the connections that are served in every iteration of
/// the loop. In the bulk queue are those that had more than the quota of messages served in their
/// last visit: at most kBulkVisits of them are visited in an iteration. So what floods add to the
/// time of a prompt connection does not grow with their number. A visit of the bulk queue receives
/// a whole receive buffer, because the cost of a flood is in its visits and not in its bytes. A
/// visit of the prompt queue receives little more than the quota at the size of the largest
/// message, so that a connection that alternates between bursts and silence gains little by it.
///
/// A connection returns to the prompt queue with a visit that served no more than the quota, unless
/// that visit continued a burst: otherwise every burst slightly above the quota would be cut in
/// two.
class ReadyQueues {
public:
    /// Visits of the bulk queue in an iteration: enough that the iteration's own cost does not show
    /// in the rate of floods, few enough that they take less than half a millisecond.
    static constexpr std::uint32_t kBulkVisits = 16;

    /// More messages than any quota.
    static constexpr std::uint64_t kFlood = ~std::uint64_t{0};

    /// Borrows `table` for its life.
    explicit ReadyQueues(ClientTable& table) noexcept : table_(table) {}

    /// limits.quota_messages, from the next visit on.
    void configure(std::uint32_t quota_messages) noexcept { quota_ = quota_messages; }

    [[nodiscard]] bool empty() const noexcept { return prompt_.empty() && bulk_.empty(); }

    /// Appends `client`, the record of `slot`, to its queue, unless it is in it.
    void add(std::uint32_t slot, Client& client) noexcept {
        if (!client.ready.linked(slot)) {
            (client.bulk ? bulk_ : prompt_).push_back(table_, slot);
        }
    }

    /// Takes a connection out of its queue, if it is in one.
    void remove(std::uint32_t slot) noexcept {
        Client& client = table_[slot];
        if (client.ready.linked(slot)) {
            (client.bulk ? bulk_ : prompt_).remove(table_, slot);
        }
    }

    /// Begins an iteration: next() returns the connections that are in the queues now.
    void start_iteration() noexcept {
        prompt_visits_ = prompt_.size();
        bulk_visits_ = bulk_.size() < kBulkVisits ? bulk_.size() : kBulkVisits;
    }

    /// Takes the next connection out of its queue; kNoIndex when the iteration is over.
    [[nodiscard]] std::uint32_t next() noexcept {
        if (prompt_visits_ != 0 && !prompt_.empty()) {
            --prompt_visits_;
            return prompt_.pop_front(table_);
        }
        if (bulk_visits_ != 0 && !bulk_.empty()) {
            --bulk_visits_;
            return bulk_.pop_front(table_);
        }
        return kNoIndex;
    }

    /// The bytes that a visit of this connection may receive at once, of a buffer of `size`.
    [[nodiscard]] std::size_t receive_limit(const Client& client, std::size_t size) const noexcept {
        // One message more than the quota, so that a short read shows that nothing is left, and
        // never so little that a burst of large messages takes many system calls.
        constexpr std::size_t kLeastMessages = 5;
        const std::size_t messages = quota_ < kLeastMessages ? kLeastMessages : quota_ + 1;
        return client.bulk || messages > size / kMaxMessage ? size : messages * kMaxMessage;
    }

    /// Notes how many messages a visit served and whether it left `more` to do. The connection must
    /// be in no queue; returns true if it belongs to the bulk queue from now on.
    bool finish_visit(Client& client, std::uint64_t served, bool more) const noexcept {
        client.bulk = served > quota_ || (client.bulk && client.continued);
        client.continued = more;
        return client.bulk;
    }

private:
    using Queue = IndexList<Client, &Client::ready>;

    ClientTable& table_;
    std::uint32_t quota_ = 1;
    std::uint32_t prompt_visits_ = 0; ///< left in this iteration
    std::uint32_t bulk_visits_ = 0;
    Queue prompt_;
    Queue bulk_;
};

} // namespace echod
