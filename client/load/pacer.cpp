// SPDX-License-Identifier: MIT
#include "client/load/pacer.hpp"

#include <algorithm>

namespace echoload {

Pacer::Pacer(const WorkerPlan& plan)
    : plan_(plan), plain_(!plan.arrivals && plan.coalesce == 1 && plan.think == Duration::zero() &&
                          plan.conn_messages == WorkerPlan::kNoEnd && plan.close != Close::half),
      sends_(plan.pipeline, plan.messages, plan.hold) {
    if (plan.arrivals) {
        open_loop_.emplace(*plan.arrivals, plan.max_in_flight, plan.connections);
    }
}

void Pacer::refill_specially(Session& session, std::uint32_t thinking) {
    if (open_loop_) {
        grant_due(session);
        return;
    }
    if (session.half_closed()) {
        return;
    }
    // Messages that must not be granted now count as outstanding.
    std::uint64_t outstanding = session.outstanding() + thinking;
    if (plan_.coalesce > 1) { // only whole send calls
        outstanding += (plan_.pipeline - outstanding) % plan_.coalesce;
    }
    if (plan_.conn_messages != WorkerPlan::kNoEnd) { // no more than the connection's messages
        const std::uint64_t room =
            std::min<std::uint64_t>(plan_.conn_messages - session.granted(), plan_.pipeline);
        outstanding = std::max(outstanding, plan_.pipeline - room);
    }
    grant(session, outstanding);
}

void Pacer::grant_due(Session& session) {
    const std::uint64_t unanswered = session.outstanding();
    if (unanswered < plan_.pipeline) {
        const std::uint64_t count = std::min(session.waiting(), plan_.pipeline - unanswered);
        session.queue(static_cast<std::uint32_t>(count), false);
        open_loop_->no_longer_waiting(count);
        outstanding_ += count;
    }
}

bool Pacer::give_back(Session& session) noexcept {
    const bool was_exhausted = exhausted();
    sends_.give_back(session.measured_unbegun());
    unqueue(session);
    return was_exhausted && !exhausted();
}

void Pacer::put_back(Session& session) {
    const std::uint64_t waiting = session.waiting();
    unqueue(session); // what was granted waits again
    open_loop_->no_longer_waiting(waiting);
    session.give_back_due([this](TimePoint due, bool measured) {
        open_loop_->put_back({due, measured});
    });
}

void Pacer::forget(const Session& session) noexcept {
    outstanding_ -= session.outstanding();
    if (open_loop_) {
        open_loop_->no_longer_waiting(session.waiting());
    }
}

bool Pacer::release() noexcept {
    const bool held = sends_.holds();
    sends_.release();
    return held;
}

bool Pacer::measure() noexcept {
    const bool held = sends_.holds();
    sends_.measure();
    return held;
}

} // namespace echoload
