// SPDX-License-Identifier: MIT
#include "base/clock.hpp"
#include "client/worker.hpp"
#include "net/socket.hpp"

#include <cerrno>

// How connections end that have nothing more to do: those that have carried --conn-messages, in
// whose place another one is opened, and all of them at the end of the run.

namespace echoload {

using echod::Clock;

void Worker::after_echo(std::uint32_t id) {
    const Session& session = slots_[id].session;
    if (session.is_up() && !session.half_closed() && session.first_due() == plan_.conn_messages &&
        plan_.close != Close::half) {
        retire(id, Clock::now());
    }
}

// With a half-close the last word is ours as soon as all is sent, while echoes are still owed.
void Worker::half_close_if_done(std::uint32_t id) {
    Session& session = slots_[id].session;
    if (!session.is_up() || session.is_suspect() || session.half_closed() ||
        session.wants_to_send() || session.waiting() != 0 ||
        (!ending_ && session.granted() != plan_.conn_messages)) {
        return;
    }
    const TimePoint now = Clock::now();
    if (const int error = session.half_close(now); error != 0) {
        fail(id, Phase::close, error, Ending::broken);
        return;
    }
    deadlines_.arm(id, now + plan_.timeout);
}

void Worker::begin_to_end() {
    ending_ = true;
    for (std::uint32_t id = 0; plan_.close == Close::half && id < slots_.size(); ++id) {
        half_close_if_done(id);
    }
}

// --drain is over: what is unanswered now has timed out.
void Worker::give_up() {
    for (std::uint32_t id = 0; id < slots_.size(); ++id) {
        const Session& session = slots_[id].session;
        if (!session.is_up()) {
            continue;
        }
        if (session.outstanding() + session.waiting() != 0) {
            fail(id, Phase::timeout, ETIMEDOUT, Ending::given_up);
        } else if (session.half_closed()) { // the end of file has not come
            fail(id, Phase::close, ETIMEDOUT, Ending::broken);
        }
    }
    abandoned_ = true;
}

void Worker::retire(std::uint32_t id, TimePoint now) {
    if (!last_look(id)) {
        return;
    }
    Slot& slot = slots_[id];
    if (plan_.close == Close::reset) {
        echod::set_abort_on_close(slot.session.fd());
    }
    const bool served = slot.session.first_due() == plan_.conn_messages;
    take_down(id, Ending::broken, now);
    if (served && !(sends_.exhausted() && backlog_.empty())) {
        slot.session = Session(next_connection_, generator_.stream(next_connection_));
        next_connection_ += plan_.connection_stride;
        slot.hung_up = false;
        slot.thinking = 0;
        slot.replaces = true;
        reopen_.push_back(id);
    }
}

void Worker::reopen_due(TimePoint now) {
    while (!reopen_.empty() && connects_.take_again(reopen_.front(), now)) {
        const std::uint32_t id = reopen_.front();
        reopen_.pop_front();
        ++connecting_;
        open(id);
    }
}

} // namespace echoload
