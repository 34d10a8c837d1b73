// SPDX-License-Identifier: MIT
// How many messages each connection of a loop may send next.
#pragma once

#include "client/load/open_loop.hpp"
#include "client/load/plan.hpp"
#include "client/load/session.hpp"
#include "client/pace/schedule.hpp"

#include <cstdint>
#include <optional>

namespace echoload {

/// Grants messages to sessions and counts those that are unanswered. In a closed loop an echo makes
/// room for a message; in an open loop the messages that are due wait at their connection until
/// fewer than `pipeline` are in flight there. It knows no socket and reads no clock.
class Pacer {
public:
    /// `plan` outlives it.
    explicit Pacer(const WorkerPlan& plan);

    /// A closed loop where an echo always makes room for a message, and connections stay open.
    [[nodiscard]] bool is_plain() const noexcept { return plain_; }

    /// Grants what `session` may send more. `thinking` messages of it wait for the end of a pause.
    void refill(Session& session, std::uint32_t thinking) {
        if (plain_) [[likely]] {
            grant(session, session.outstanding());
        } else {
            refill_specially(session, thinking);
        }
    }

    /// `answered` messages that were granted are answered or given up.
    void note_answered(std::uint64_t answered) noexcept { outstanding_ -= answered; }

    /// Takes back what `session` has not begun to send.
    void unqueue(Session& session) noexcept { outstanding_ -= session.unqueue(); }

    /// As unqueue(), where a number of messages is the limit: others may send them. True where
    /// there was nothing left to grant before, and now there is.
    [[nodiscard]] bool give_back(Session& session) noexcept;

    /// Open loop: the session is to be ended, and what it has not begun to send waits for another
    /// connection.
    void put_back(Session& session);

    /// The session is to be ended: its messages are not waited for any more.
    void forget(const Session& session) noexcept;

    /// The warm-up begins. True where messages were held back until now.
    [[nodiscard]] bool release() noexcept;

    /// The measured part begins. True where messages were held back until now.
    [[nodiscard]] bool measure() noexcept;

    /// Nothing is granted any more, apart from what an open loop has dispatched already.
    void stop() noexcept { sends_.stop(); }

    /// Nothing is granted before release() or measure().
    [[nodiscard]] bool holds() const noexcept { return sends_.holds(); }

    /// Nothing will be granted any more, unless something is given back.
    [[nodiscard]] bool exhausted() const noexcept { return sends_.exhausted(); }

    /// As exhausted(), and no message that is due waits for a connection.
    [[nodiscard]] bool all_dispatched() const noexcept { return exhausted() && !has_backlog(); }

    /// As exhausted(), and no message is unanswered or waiting.
    [[nodiscard]] bool done() const noexcept {
        return exhausted() && outstanding_ == 0 && (!open_loop_ || open_loop_->waiting() == 0);
    }

    /// Open loop: messages are due that no connection could take yet.
    [[nodiscard]] bool has_backlog() const noexcept {
        return open_loop_ && open_loop_->has_backlog();
    }

    /// Messages granted and unanswered, of all connections.
    [[nodiscard]] std::uint64_t outstanding() const noexcept { return outstanding_; }

    /// Null in a closed loop.
    [[nodiscard]] OpenLoop* open_loop() noexcept { return open_loop_ ? &*open_loop_ : nullptr; }
    [[nodiscard]] const OpenLoop* open_loop() const noexcept {
        return open_loop_ ? &*open_loop_ : nullptr;
    }

private:
    void refill_specially(Session& session, std::uint32_t thinking);
    void grant_due(Session& session);
    void grant(Session& session, std::uint64_t outstanding) {
        const Grant grant = sends_.grant(outstanding);
        session.queue(grant.count, grant.measured);
        outstanding_ += grant.count;
    }

    const WorkerPlan& plan_;
    const bool plain_;
    SendSchedule sends_;
    std::optional<OpenLoop> open_loop_;
    std::uint64_t outstanding_ = 0;
};

} // namespace echoload
