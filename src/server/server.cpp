// SPDX-License-Identifier: MIT
//
// A turn: wait, note every event, serve whoever is ready once, take new connections, close whose
// time is up, report. The clock is read when the wait ends, and that moment holds for the whole
// turn; it is read once more at its end, to know how long it was.
//
// Clocks. Every deadline there is goes into one, due_at_, and a turn before it looks at none of
// them. The alarm is set only where due_at_ comes before what it is set to: deadlines mostly move
// on, so that it goes off early now and then, finds nothing due and is set anew.
//
// A stop: take nobody new; answer what is here; everybody who has nothing left to do gets a FIN
// after the last echo; at timeouts.drain, or at a second signal, the rest is closed.
#include "server/server.hpp"

#include "base/sys_error.hpp"
#include "base/units.hpp"
#include "server/out_of_memory.hpp"

#include <fmt/format.h>

#include <utility>

namespace echod {

namespace {

// Tokens of clients are (generation, slot) with a slot below 2^31; these are above.
constexpr std::uint64_t kSignalToken = 0xffff'ffffU;
constexpr std::uint64_t kListenerToken = 0xf000'0000U;
constexpr std::uint64_t kControlToken = kSignalToken - ControlSocket::kTokens;
constexpr std::uint64_t kAlarmToken = kControlToken - 1;

} // namespace

Server::Server(const Config& config, LoadConfig load_config, std::vector<Listener> listeners,
               Log& log)
    : config_(config), load_config_(std::move(load_config)), log_(log), signals_(kSignals),
      clients_(epoll_, counters_),
      acceptor_(std::move(listeners), epoll_, clients_, counters_, kListenerToken),
      reporter_(log, service_, counters_, Clock::now()),
      control_(epoll_, kControlToken, [this](std::string_view command) { return answer(command); }),
      now_(Clock::now()), watchdog_(watchdog_timeout()), fed_(now_) {
    if (const int error = epoll_.add(signals_.fd(), EPOLLIN, kSignalToken); error != 0) {
        throw_errno(error, "cannot watch signals");
    }
    if (const int error = epoll_.add(alarm_.fd(), EPOLLIN | EPOLLET, kAlarmToken); error != 0) {
        throw_errno(error, "cannot watch the clock");
    }
    apply(config, now_);
    warn_if_descriptors_lack();
}

Server::Ended Server::run() {
    std::string where;
    for (const Listener& listener : acceptor_.listeners()) {
        where += (where.empty() ? "" : ", ") + listener.name;
    }
    log_.entry(LogLevel::info, message_id::kReady, {},
               fmt::format("ready: listening on {}", where));
    if (const int error = service_.ready("listening on " + where); error != 0) {
        log_->warn("the service manager cannot be told at NOTIFY_SOCKET: {}, ignoring",
                   describe_errno(error));
    }
    due_at_ = next_due();
    while (phase_ == Phase::serving || phase_ == Phase::draining) {
        turn();
    }
    clients_.close_all(CloseReason::stopped);
    service_.finish();
    const bool handed_over = phase_ == Phase::handed_over;
    unless_memory_is_out([&] {
        reporter_.report_totals(gauges(), Clock::now());
        log_.entry(LogLevel::info, message_id::kStop, {},
                   handed_over ? "stopped: the next process takes the connections over"
                               : "stopped");
    });
    if (handed_over) {
        return Ended::handed_over;
    }
    return next_is_wanted_ ? Ended::drained_for_the_next : Ended::stopped;
}

void Server::turn() {
    const int n = wait();
    if (n < 0) {
        throw_errno(-n, "epoll_wait");
    }
    now_ = Clock::now();
    const bool was_set = alarm_.at() != TimerFd::kNever;
    for (const epoll_event& event : std::span(events_).first(static_cast<std::size_t>(n))) {
        dispatch(event.data.u64, event.events);
    }
    const bool alarmed = was_set && alarm_.at() == TimerFd::kNever;
    const bool others_wait = phase_ == Phase::serving && acceptor_.has_pending();
    if (clients_.has_ready()) {
        clients_.serve_ready(now_, others_wait);
    }
    if (others_wait) {
        acceptor_.accept_some(now_);
    }
    if (phase_ == Phase::serving &&
        (was_full_ || acceptor_.is_full() || acceptor_.pause_error() != 0 ||
         counters_.rejected_per_ip != told_per_ip_)) {
        unless_memory_is_out([this] { tell_incidents(now_); });
    }
    if (now_ >= due_at_) {
        run_clocks();
    }
    if (n > (alarmed ? 1 : 0) || reporter_.has_news()) { // a timer alone may have closed somebody
        reporter_.note_activity(now_);
    }
    if (phase_ == Phase::draining) {
        finish_drain(now_);
    }
    due_at_ = next_due();
    reporter_.note_turn(Clock::now() - now_);
}

// True while somebody has work that no event will announce.
bool Server::must_not_sleep() const noexcept {
    return clients_.has_ready() || (phase_ == Phase::serving && acceptor_.has_pending());
}

int Server::wait() noexcept {
    if (must_not_sleep()) {
        return epoll_.wait(events_, Duration::zero());
    }
    if (due_at_ < alarm_.at()) {
        alarm_.set_at(due_at_);
    }
    return epoll_.wait(events_, std::nullopt);
}

// What is done at a time, whether or not anything happens.
void Server::run_clocks() {
    clients_.expire(now_);
    control_.expire(now_);
    feed_watchdog();
    service_.retry(now_);
    if (phase_ == Phase::serving) {
        if (const auto retry = acceptor_.retry_at(); retry && *retry <= now_) {
            acceptor_.accept_some(now_);
        }
    }
    if (reporter_.due() && *reporter_.due() <= now_) {
        unless_memory_is_out([this] { reporter_.report(gauges(), now_); });
    }
}

// The first of all the clocks that run.
TimePoint Server::next_due() const noexcept {
    TimePoint next = TimerFd::kNever;
    const auto consider = [&next](std::optional<TimePoint> at) {
        next = at && *at < next ? *at : next;
    };
    consider(clients_.next_deadline());
    consider(reporter_.due());
    consider(control_.next_deadline());
    consider(service_.retry_at());
    if (watchdog_) {
        consider(fed_ + *watchdog_ / 2);
    }
    if (phase_ == Phase::serving) {
        consider(acceptor_.retry_at());
    } else {
        consider(drain_deadline_);
    }
    return next;
}

void Server::dispatch(std::uint64_t token, std::uint32_t events) {
    if (token < kListenerToken || token > kSignalToken) {
        clients_.on_event(token, events);
    } else if (token == kAlarmToken) {
        alarm_.note_fired();
    } else if (token == kSignalToken) {
        // One a turn: epoll tells again of the next, and a flood of signals starves nobody.
        if (const auto signal = signals_.next()) {
            unless_memory_is_out([&] { on_signal(*signal); });
        }
    } else if (token >= kControlToken) {
        control_.on_event(token - kControlToken, now_);
    } else {
        acceptor_.on_event(token - kListenerToken);
    }
}

void Server::on_signal(int signal) {
    switch (signal) {
    case SIGHUP:
        (void)reload();
        break;
    case SIGUSR2:
        if (phase_ == Phase::serving) {
            hand_over();
        }
        break;
    case SIGUSR1:
        reporter_.report_now(gauges(), now_);
        break;
    default: // SIGTERM, SIGINT
        if (phase_ == Phase::serving) {
            start_drain();
        } else if (std::exchange(next_is_wanted_, false)) {
            log_->info("told to stop: the drain goes on, and no next process is wanted after it");
        } else {
            phase_ = Phase::stopped;
            log_->warn("a second signal: closing {} connections at once", clients_.open());
        }
        break;
    }
}

// Fed from the loop itself: a loop that hangs stops feeding, and the service manager acts.
void Server::feed_watchdog() {
    if (!watchdog_ || now_ - fed_ < *watchdog_ / 2) {
        return;
    }
    const Duration since = now_ - std::exchange(fed_, now_);
    service_.feed_watchdog();
    if (since > *watchdog_ * 3 / 4) {
        unless_memory_is_out([&] {
            log_.entry(LogLevel::warning, message_id::kWatchdog, {},
                       fmt::format("the watchdog was fed after {}, close to its limit of {}: "
                                   "the machine or the loop is overloaded",
                                   humanize_duration(since), format_duration(*watchdog_)));
        });
    }
}

void Server::start_drain() {
    constexpr Duration kMargin = std::chrono::seconds(5);
    unless_memory_is_out([&] {
        service_.stopping(fmt::format("draining {} connections", clients_.open()),
                          config_.timeouts.drain + kMargin);
    });
    acceptor_.finish(now_);
    unless_memory_is_out([this] {
        log_.entry(LogLevel::info, message_id::kStop, {},
                   fmt::format("stopping: draining {} connections for at most {}", clients_.open(),
                               format_duration(config_.timeouts.drain)));
    });
    phase_ = Phase::draining;
    drain_deadline_ = now_ + config_.timeouts.drain;
    clients_.start_drain(now_);
}

void Server::finish_drain(TimePoint now) {
    if (clients_.open() == 0) {
        phase_ = Phase::stopped;
    } else if (now >= drain_deadline_) {
        phase_ = Phase::stopped;
        unless_memory_is_out([this] {
            log_->warn("drain: closing the {} connections that were not done within {}",
                       clients_.open(), format_duration(config_.timeouts.drain));
        });
    }
}

Gauges Server::gauges() const noexcept {
    return {clients_.open(), acceptor_.waiting(), clients_.kept_bytes()};
}

} // namespace echod
