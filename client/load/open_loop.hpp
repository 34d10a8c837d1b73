// SPDX-License-Identifier: MIT
// The open loop's schedule: which message is due when, and which connection gets it.
#pragma once

#include "client/measure/tally.hpp"
#include "client/pace/arrivals.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace echoload {

/// Dispatches the messages that have come due to the connections in turn. What is due depends on
/// the schedule alone: a late call finds more of it, and each message keeps its due time. A slow
/// connection does not pass its messages on to others, which would hide that it is slow. It knows
/// no socket and reads no clock.
class OpenLoop {
public:
    static constexpr TimePoint kNever = Arrivals::kNever;

    /// A message that is due.
    struct Due {
        TimePoint when;
        bool measured;
    };

    /// `max_in_flight` limits the messages that are due and unanswered; more are shed.
    OpenLoop(const Arrivals& arrivals, std::uint64_t max_in_flight, std::uint32_t connections);

    /// The warm-up begins at `warm_up`, the measured part at `measured`.
    void begin(TimePoint warm_up, TimePoint measured) noexcept;
    [[nodiscard]] bool begun() const noexcept { return arrivals_.begun(); }

    /// Adds a connection that takes messages from now on; nothing where it does so already.
    void add_connection(std::uint32_t id);

    /// Dispatches what is due up to `now`, but nothing from `stop_at` on. `outstanding` messages
    /// are granted and unanswered. can_take(id) decides whether a connection takes a message; one
    /// that does not is removed until add_connection(). has_room(id) decides whether it takes one
    /// that waited in the backlog. give(id, due) passes it one, serve(id) is called once for each
    /// connection that got some.
    template <class CanTake, class HasRoom, class Give, class Serve>
    void dispatch(TimePoint now, TimePoint stop_at, std::uint64_t outstanding, Tally& tally,
                  CanTake&& can_take, HasRoom&& has_room, Give&& give, Serve&& serve) {
        const auto pass = [&](std::uint32_t id, const Due& due) {
            give(id, due);
            note_dispatched(id);
        };
        dispatched_something_ = false;
        while (!backlog_.empty()) {
            const auto id = next_with_room(can_take, has_room);
            if (!id) {
                break;
            }
            pass(*id, backlog_.front());
            backlog_.pop_front();
        }
        while (const auto due = take_due(now, stop_at, outstanding, tally)) {
            if (const auto id = backlog_.empty() ? next_connection(can_take) : std::nullopt) {
                pass(*id, *due);
            } else {
                backlog_.push_back(*due);
            }
        }
        for (const std::uint32_t id : dispatched_) {
            is_dispatched_[id] = false;
            serve(id);
        }
        dispatched_.clear();
    }

    /// The schedule is complete at `now`: no message is due any more.
    [[nodiscard]] bool is_over(TimePoint now, TimePoint stop_at) const noexcept {
        return now >= stop_at || arrivals_.exhausted();
    }

    /// `sent` measured messages are sent at `now`, after the schedule is over. Messages count as
    /// sent in time up to a short catch-up period after the last due time.
    void note_sent(std::uint64_t sent, TimePoint now, TimePoint stop_at) noexcept;

    /// When dispatch() or note_sent() has work next; messages come first by a short margin that the
    /// loop polls away. `over`: no message will be granted any more.
    [[nodiscard]] TimePoint next(TimePoint stop_at, Duration margin, bool over) const noexcept;

    /// A message was due in the last dispatch().
    [[nodiscard]] bool dispatched_something() const noexcept { return dispatched_something_; }

    /// Messages that are due and not granted: in the backlog or waiting at a connection.
    [[nodiscard]] std::uint64_t waiting() const noexcept { return waiting_; }

    /// `count` waiting messages were granted, or their connection was closed.
    void no_longer_waiting(std::uint64_t count) noexcept { waiting_ -= count; }

    /// Messages are due that no connection could take yet.
    [[nodiscard]] bool has_backlog() const noexcept { return !backlog_.empty(); }

    /// A message was dispatched, and its connection was lost before it was begun: it is the first
    /// of the backlog.
    void put_back(const Due& due) {
        backlog_.push_front(due);
        ++waiting_;
    }

    /// Counts the backlog as unsent, and drops it.
    void drop_backlog(Tally& tally) noexcept;

    /// Counts what is due before `end`, the end of the run, as unsent, where no connection was left
    /// to send it. What was never sent has no time, and is in no histogram.
    void count_unassigned(TimePoint end, Tally& tally);

    /// How many count_unassigned() counted.
    [[nodiscard]] std::uint64_t unassigned() const noexcept { return unassigned_; }

    /// When the last measured message was due.
    [[nodiscard]] std::optional<TimePoint> last_due() const noexcept { return last_due_; }

    /// Measured messages that were sent in time, once that is known.
    [[nodiscard]] std::optional<std::uint64_t> sent_in_time() const noexcept {
        return sent_in_time_;
    }

private:
    template <class CanTake>
    [[nodiscard]] std::optional<std::uint32_t> next_connection(CanTake& can_take) {
        while (!turns_.empty()) {
            const std::uint32_t id = turns_.front();
            turns_.pop_front();
            if (can_take(id)) {
                turns_.push_back(id);
                return id;
            }
            has_turn_[id] = false;
        }
        return std::nullopt;
    }

    // Each connection is asked once at most.
    template <class CanTake, class HasRoom>
    [[nodiscard]] std::optional<std::uint32_t> next_with_room(CanTake& can_take,
                                                              HasRoom& has_room) {
        for (std::size_t left = turns_.size(); left != 0; --left) {
            const auto id = next_connection(can_take);
            if (!id || has_room(*id)) {
                return id;
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<Due> take_due(TimePoint now, TimePoint stop_at,
                                              std::uint64_t outstanding, Tally& tally);
    void note_dispatched(std::uint32_t id);
    [[nodiscard]] TimePoint end_of_catching_up(TimePoint stop_at) const noexcept;

    Arrivals arrivals_;
    const std::uint64_t max_in_flight_;
    TimePoint measured_from_ = kNever;
    std::deque<std::uint32_t> turns_; ///< connections in the order of their turns
    std::vector<bool> has_turn_;      ///< of each connection: it is in turns_
    std::deque<Due> backlog_;         ///< due while no connection could take them
    std::vector<std::uint32_t> dispatched_;
    std::vector<bool> is_dispatched_; ///< of each connection: it is in dispatched_
    std::uint64_t waiting_ = 0;
    std::uint64_t unassigned_ = 0;
    std::optional<TimePoint> last_due_;
    std::optional<std::uint64_t> sent_in_time_;
    bool dispatched_something_ = false;
};

} // namespace echoload
