// SPDX-License-Identifier: MIT
//
// An iteration: wait; dispatch every event that is ready; handle a signal and control clients;
// serve ready connections; accept connections; close what has expired; report. So no deadline is
// judged before the events that could clear it. The clock is read when the wait ends, and that time
// holds for the whole iteration. It is read once more at the end, to know how long the iteration
// took.
//
// Deadlines. The earliest of all of them is due_at_; an iteration before it examines none. The
// timer is only set where due_at_ is earlier than what it is set to: deadlines mostly move later,
// so it sometimes fires early, finds nothing due and is set anew.
//
// A stop: accept nothing new; answer what has arrived; a connection with nothing left to do gets a
// FIN after its last echo; at timeouts.drain, or at a second signal, the rest is closed.
#include "server/loop/server.hpp"

#include "base/ignore_bad_alloc.hpp"
#include "base/sys_error.hpp"
#include "base/units.hpp"
#include "net/poll_until.hpp"
#include "server/config/reader.hpp"
#include "server/loop/harvest.hpp"
#include "server/loop/restart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

namespace echod {

namespace {

// Tokens of clients are (generation, slot) with a slot below 2^31; these are above.
constexpr std::uint64_t kSignalToken = 0xffff'ffffU;
constexpr std::uint64_t kListenerToken = 0xf000'0000U;
constexpr std::uint64_t kControlToken = kSignalToken - ControlSocket::kTokens;
constexpr std::uint64_t kStatsToken = kControlToken - ControlSocket::kTokens;
constexpr std::uint64_t kTimerToken = kStatsToken - 1;
constexpr std::uint64_t kBarrierToken = kTimerToken - 1;

} // namespace

Server::Server(const Config& config, LoadConfig load_config, std::vector<Listener> listeners,
               Log& log)
    : log_(log), signals_(kSignals), now_(Clock::now()), idle_since_(now_),
      clients_(epoll_, counters_),
      acceptor_(std::move(listeners), epoll_, clients_, counters_, kListenerToken),
      reporter_(log, service_, counters_, now_),
      settings_(config, std::move(load_config), parts(), now_),
      commands_(settings_, parts(), counters_),
      control_(
          epoll_, kControlToken,
          [this](std::string_view command) { return commands_.answer(command, serving(), now_); }),
      stats_(epoll_, kStatsToken,
             [this](std::string_view command) {
                 return commands_.answer_read_only(command, serving(), now_);
             }),
      warnings_(log, counters_), watchdog_(log, service_, watchdog_timeout(), now_),
      handover_(epoll_, service_, kBarrierToken) {
    if (const int error = epoll_.add(signals_.fd(), EPOLLIN, kSignalToken); error != 0) {
        throw_errno(error, "cannot watch signals");
    }
    if (const int error = epoll_.add(timer_.fd(), EPOLLIN | EPOLLET, kTimerToken); error != 0) {
        throw_errno(error, "cannot watch the timer");
    }
}

void Server::restore(HandoverFds handover_fds) {
    restore_connections(std::move(handover_fds), parts(), Clock::now());
}

void Server::announce_ready() {
    const std::string where = listening_on(acceptor_.listeners());
    log_.entry(LogLevel::info, message_id::kReady, {}, "ready: " + where);
    if (const int error = service_.ready(where); error != 0) {
        log_->warn("cannot notify the service manager at NOTIFY_SOCKET: {}; serving without "
                   "notifications",
                   describe_errno(error));
    }
}

Server::Ended Server::run() {
    announce_ready();
    due_at_ = next_due();
    while (phase_ == Phase::serving || phase_ == Phase::draining) {
        iterate();
    }
    clients_.close_all(CloseReason::stopped);
    service_.finish();
    const bool handed_over = phase_ == Phase::handed_over;
    ignore_bad_alloc([&] {
        reporter_.report_totals(current_gauges(clients_, acceptor_), Clock::now());
        log_.entry(LogLevel::info, message_id::kStop, {},
                   handed_over ? "stopped: the connections are handed over to the new process"
                               : "stopped");
    });
    if (handed_over) {
        return Ended::handed_over;
    }
    return restart_pending_ ? Ended::drained_for_restart : Ended::stopped;
}

void Server::iterate() {
    int n = wait();
    const bool was_set = timer_.at() != kNever;
    if (n > 0) {
        n = harvest(epoll_, events_, n, clients_.open(),
                    [this](std::uint64_t token, std::uint32_t events) { dispatch(token, events); });
    }
    if (n < 0) {
        throw_errno(-n, "epoll_wait");
    }
    handle_signal();
    const bool timer_fired = was_set && timer_.at() == kNever;
    serve_and_accept();
    if (now_ >= due_at_) {
        run_deadlines();
    }
    if (handover_.pending()) {
        advance_handover();
    }
    // The timer alone is no activity, unless it closed a connection.
    was_active_ = n > (timer_fired ? 1 : 0);
    if (was_active_ || reporter_.has_news()) {
        reporter_.note_activity(now_);
    }
    if (phase_ == Phase::draining) {
        finish_drain();
    }
    due_at_ = next_due();
    idle_since_ = Clock::now();
    reporter_.note_turn(idle_since_ - now_);
}

void Server::serve_and_accept() {
    if (clients_.has_ready()) {
        clients_.serve_ready(now_);
    }
    if (serving() && acceptor_.has_pending()) {
        acceptor_.accept_some(now_);
    }
    if (serving() && warnings_.pending(acceptor_.is_full(), acceptor_.pause_error())) {
        log_warnings();
    }
}

void Server::log_warnings() {
    ignore_bad_alloc([this] {
        const AcceptState accepting{acceptor_.is_full(), acceptor_.most(), acceptor_.pause_error(),
                                    clients_.unexpected_proxy()};
        warnings_.log(accepting, settings_.config(), now_);
    });
}

// True while there is work that no event will announce.
bool Server::must_not_sleep() const noexcept {
    return clients_.has_ready() || (serving() && acceptor_.has_pending());
}

// Also sets now_.
int Server::wait() noexcept {
    const bool sleeps = !must_not_sleep();
    if (sleeps && due_at_ < timer_.at()) {
        timer_.set_at(due_at_);
    }
    if (sleeps && !busy_poll_.is_off()) {
        return poll_and_wait();
    }
    const int n = epoll_.wait(events_, sleeps ? std::nullopt : std::optional(Duration::zero()));
    now_ = Clock::now();
    return n;
}

// Everything that the loop serves is an event, timers and signals too.
int Server::poll_and_wait() noexcept {
    Polled polled{0, idle_since_, {}, 0};
    // After a timer of the daemon's own, no client's next message is due soon.
    const Duration window = was_active_ ? busy_poll_.window(idle_since_) : Duration::zero();
    if (window != Duration::zero()) {
        polled = poll_until(
            idle_since_ + window, idle_since_,
            [this] { return epoll_.wait(events_, Duration::zero()); }, [] { return Clock::now(); });
    }
    // An event that the first poll finds would not have let the loop sleep either.
    const bool was_there = polled.count != 0 && polled.polls == 1;
    if (!was_there) {
        busy_poll_.note_polled(polled.now - idle_since_);
    }
    if (polled.count == 0) {
        polled.count = epoll_.wait(events_, std::nullopt);
        polled.now = Clock::now();
    }
    now_ = polled.now;
    const bool in_time = was_there && polled.longest <= BusyPoll::kInterrupted;
    busy_poll_.note_wait(now_ - idle_since_, in_time ? Duration::zero() : polled.longest, now_);
    if (busy_poll_.is_auto() && polled.longest > BusyPoll::kLost) {
        check_throttling();
    }
    return polled.count;
}

void Server::check_throttling() noexcept {
    ignore_bad_alloc([this] {
        if (processors_.throttled_again()) {
            busy_poll_.note_throttled(now_);
        }
    });
}

void Server::run_deadlines() {
    clients_.expire(now_);
    control_.expire(now_);
    stats_.expire(now_);
    watchdog_.feed(now_);
    service_.retry(now_);
    if (serving()) {
        if (acceptor_.retry_at() <= now_) {
            acceptor_.accept_some(now_);
        }
        if (settings_.retry_at() <= now_) {
            ignore_bad_alloc([this] { settings_.retry_addresses(now_); });
        }
    }
    if (reporter_.due() <= now_) {
        ignore_bad_alloc([this] { reporter_.report(current_gauges(clients_, acceptor_), now_); });
    }
}

// The earliest of all deadlines.
TimePoint Server::next_due() const noexcept {
    TimePoint next = earliest(reporter_.due(), control_.next_deadline(), stats_.next_deadline());
    next = earliest(next, service_.retry_at(), watchdog_.next_due(), handover_.next_due());
    next = serving() ? earliest(next, acceptor_.retry_at(), settings_.retry_at())
                     : earliest(next, drain_deadline_);
    return earliest(next, clients_.next_deadline());
}

void Server::dispatch(std::uint64_t token, std::uint32_t events) {
    if (token < kListenerToken || token > kSignalToken) {
        clients_.on_event(token, events);
    } else if (token == kTimerToken) {
        timer_.note_fired();
    } else if (token == kBarrierToken) {
        handover_.on_event();
    } else if (token == kSignalToken) {
        signal_pending_ = true;
    } else if (token >= kControlToken) {
        control_.on_event(token - kControlToken, now_);
    } else if (token >= kStatsToken) {
        stats_.on_event(token - kStatsToken, now_);
    } else {
        acceptor_.on_event(token - kListenerToken);
    }
}

// One an iteration: epoll reports the next one again, so many signals delay no connection.
void Server::handle_signal() {
    if (!std::exchange(signal_pending_, false)) {
        return;
    }
    if (const auto signal = signals_.next()) {
        ignore_bad_alloc([&] { on_signal(*signal); });
    }
}

void Server::on_signal(int signal) {
    switch (signal) {
    case SIGHUP:
        (void)commands_.reload(serving(), now_);
        break;
    case SIGUSR2:
        if (serving()) {
            start_handover();
        }
        break;
    case SIGUSR1:
        reporter_.report_now(current_gauges(clients_, acceptor_), now_);
        break;
    default: // SIGTERM, SIGINT
        on_stop_signal();
        break;
    }
}

void Server::on_stop_signal() {
    if (serving()) {
        start_drain();
    } else if (std::exchange(restart_pending_, false)) {
        log_->info("stop requested: the drain continues, and no new process is started after it");
    } else {
        phase_ = Phase::stopped;
        log_->warn("second signal: closing {} connections at once", clients_.open());
    }
}

void Server::start_handover() {
    if (!service_.present()) {
        log_->warn("SIGUSR2: there is no service manager to store the connections; serving "
                   "continues");
        return;
    }
    handover_.start(now_);
}

void Server::advance_handover() {
    switch (handover_.advance(now_)) {
    case PendingHandover::Step::store:
        if (store()) {
            handover_.cancel();
        }
        break;
    case PendingHandover::Step::give_up:
        fail_handover(handover_.error() == 0 ? "the service manager did not answer"
                                             : "cannot notify the service manager: " +
                                                   describe_errno(handover_.error()));
        break;
    case PendingHandover::Step::nothing:
        break;
    }
    if (handover_.must_report(now_)) {
        ignore_bad_alloc([this] {
            log_->warn("handover: the service manager does not answer; serving continues, and "
                       "the handover is tried again, for at most {}",
                       format_duration(PendingHandover::kLimit));
        });
    }
}

// Returns true if the handover is over.
bool Server::store() {
    try {
        if (!store_connections(parts(), settings_.config(), now_, PendingHandover::kStore)) {
            service_.clear_store(); // what is stored late must not be used
            handover_.retry(Clock::now());
            return false;
        }
        phase_ = Phase::handed_over;
    } catch (const std::exception& failure) {
        fail_handover(failure.what());
    }
    return true;
}

void Server::fail_handover(const std::string& why) {
    log_->error("handover failed: {}; draining instead", why);
    service_.clear_store();
    restart_pending_ = true;
    start_drain();
}

void Server::start_drain() {
    constexpr Duration kMargin = std::chrono::seconds(5);
    const Duration limit = settings_.config().timeouts.drain;
    ignore_bad_alloc([&] {
        service_.stopping(fmt::format("draining {} connections", clients_.open()), limit + kMargin);
    });
    acceptor_.finish(now_);
    ignore_bad_alloc([&] {
        log_.entry(LogLevel::info, message_id::kStop, {},
                   fmt::format("stopping: draining {} connections for at most {}", clients_.open(),
                               format_duration(limit)));
    });
    handover_.cancel();
    phase_ = Phase::draining;
    drain_deadline_ = now_ + limit;
    clients_.start_drain(now_);
}

void Server::finish_drain() {
    if (clients_.open() == 0) {
        phase_ = Phase::stopped;
    } else if (now_ >= drain_deadline_) {
        phase_ = Phase::stopped;
        ignore_bad_alloc([this] {
            log_->warn("drain: closing the {} connections that did not finish within {}",
                       clients_.open(), format_duration(settings_.config().timeouts.drain));
        });
    }
}

} // namespace echod
