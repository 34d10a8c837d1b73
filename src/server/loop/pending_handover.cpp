// SPDX-License-Identifier: MIT
#include "server/loop/pending_handover.hpp"

#include "net/notify.hpp"

#include <algorithm>
#include <utility>

namespace echod {

void PendingHandover::start(TimePoint now) noexcept {
    if (std::exchange(pending_, true)) {
        return;
    }
    reported_ = false;
    report_at_ = now + kStore;
    until_ = now + kLimit;
    ask(now);
}

void PendingHandover::ask(TimePoint now) noexcept {
    next_at_ = kNever;
    answered_ = false;
    error_ = service_.ask(answer_);
    if (error_ == 0 && epoll_.add(answer_.get(), EPOLLIN, token_) != 0) {
        answer_.reset();
    }
    if (!answer_) {
        next_at_ = now + kPause;
    }
    error_ = is_transient(error_) ? 0 : error_;
}

void PendingHandover::on_event() noexcept {
    if (answer_) {
        close_answer();
        answered_ = true;
    }
}

void PendingHandover::close_answer() noexcept {
    if (answer_) {
        epoll_.remove(answer_.get());
        answer_.reset();
    }
}

PendingHandover::Step PendingHandover::advance(TimePoint now) noexcept {
    if (!pending_) {
        return Step::nothing;
    }
    if (std::exchange(answered_, false)) {
        return Step::store;
    }
    if (now >= until_ || error_ != 0) {
        return Step::give_up;
    }
    if (next_at_ <= now) {
        ask(now);
    }
    return Step::nothing;
}

void PendingHandover::cancel() noexcept {
    close_answer();
    pending_ = false;
    answered_ = false;
    next_at_ = kNever;
}

TimePoint PendingHandover::next_due() const noexcept {
    if (!pending_) {
        return kNever;
    }
    const TimePoint next = std::min(next_at_, until_);
    return reported_ ? next : std::min(next, report_at_);
}

bool PendingHandover::must_report(TimePoint now) noexcept {
    return pending_ && now >= report_at_ && !std::exchange(reported_, true);
}

} // namespace echod
