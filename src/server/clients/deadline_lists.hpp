// SPDX-License-Identifier: MIT
// The deadlines of incomplete messages and headers, stalled writes and lingering connections.
#pragma once

#include "server/clients/client_table.hpp"
#include "server/config/config.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace echod {

/// One list for each kind of Deadline. All deadlines of a kind are the same time after their start,
/// so a list in the order of start is in the order of expiry too, and only its front has to be
/// checked. A reload that changes a timeout does not change the order. Incomplete headers have the
/// time of incomplete messages and are in their list.
class DeadlineLists {
public:
    /// Borrows `table` for its life.
    explicit DeadlineLists(ClientTable& table) noexcept : table_(table) {}

    /// Applies to the deadlines that run as well.
    void configure(const Config::Timeouts& timeouts) noexcept { timeouts_ = timeouts; }

    /// Puts the client into the list of the deadline that its connection has now. A deadline only
    /// ever starts later than before, so a restarted one goes to the back.
    void update(std::uint32_t slot, Client& client) noexcept {
        const Deadline deadline = client.connection.deadline();
        if (deadline == client.listed &&
            (deadline == Deadline::none ||
             client.listed_since == client.connection.deadline_since())) {
            return;
        }
        move(slot, client);
    }

    /// Takes the client out of its list, if it is in one.
    void remove(std::uint32_t slot, Client& client) noexcept {
        if (client.deadline.linked(slot)) {
            list(client.listed).remove(table_, slot);
        }
    }

    /// The first deadline; kNever if none runs.
    [[nodiscard]] TimePoint next_deadline() const noexcept {
        return earliest(next_of(Deadline::message), next_of(Deadline::write),
                        next_of(Deadline::linger));
    }

    /// The first client of that list if its deadline has passed at `now`, or kNoIndex.
    [[nodiscard]] std::uint32_t expired(Deadline kind, TimePoint now) const noexcept;

private:
    using List = IndexList<Client, &Client::deadline>;
    static constexpr std::size_t kKinds = 4; ///< values of Deadline, `none` included, `header` not
    /// How long a connection may take to close after our FIN.
    static constexpr Duration kLingerTime = std::chrono::seconds(1);

    /// How long after its start a deadline of that kind is; zero: it never comes. A stalled write
    /// is sampled several times within timeouts.write: its deadline is the next sample.
    [[nodiscard]] Duration time_of(Deadline kind) const noexcept {
        switch (kind) {
        case Deadline::message:
            return timeouts_.message;
        case Deadline::write:
            return timeouts_.write / Connection::kWriteSamples;
        default:
            return kLingerTime;
        }
    }
    [[nodiscard]] TimePoint next_of(Deadline kind) const noexcept {
        const List& of_kind = lists_[static_cast<std::size_t>(kind)];
        if (of_kind.empty() || time_of(kind) == Duration::zero()) {
            return kNever;
        }
        return table_[of_kind.front()].connection.deadline_since() + time_of(kind);
    }
    [[nodiscard]] List& list(Deadline kind) noexcept {
        kind = kind == Deadline::header ? Deadline::message : kind;
        return lists_[static_cast<std::size_t>(kind)];
    }
    void move(std::uint32_t slot, Client& client) noexcept;

    ClientTable& table_;
    Config::Timeouts timeouts_;
    std::array<List, kKinds> lists_; ///< each by deadline_since()
};

} // namespace echod
