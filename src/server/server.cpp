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
#include "net/fd_passing.hpp"
#include "server/matching.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

namespace echod {

namespace {

// Tokens of clients are (generation, slot) with a slot below 2^31; these are above.
constexpr std::uint64_t kSignalToken = 0xffff'ffffU;
constexpr std::uint64_t kListenerToken = 0xf000'0000U;
constexpr std::uint64_t kControlToken = kSignalToken - ControlSocket::kTokens;
constexpr std::uint64_t kAlarmToken = kControlToken - 1;

// Descriptors beside the connections' and the listeners', kept free for what must work when clients
// are many: standard streams, epoll, signalfd, timerfd, the log, the control socket and its askers,
// a notification, a configuration being read, an accept that is about to be refused; and for a
// hand-over the datagram pair, the state file and the pipe of the barrier.
constexpr std::uint64_t kReservedDescriptors = 15 + ControlSocket::kTokens;

// What is done for people (log lines, statistics, reloads) may find that memory is out. Then it is
// left out, and the clients, who need none, are served on.
template <class Work>
void unless_memory_is_out(Work&& work) {
    try {
        work();
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): there is none to say it with
    }
}

// The end of a line that was held back so often.
std::string times_more(std::uint64_t held_back) {
    return held_back == 0 ? "" : fmt::format("; {} times more since this was last said", held_back);
}

} // namespace

std::optional<std::uint64_t> RateLimit::allow(TimePoint now, std::uint64_t times) noexcept {
    if (next_ && now < *next_) {
        held_back_ += times;
        return std::nullopt;
    }
    next_ = now + kPause;
    return std::exchange(held_back_, 0) + times - 1;
}

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

void Server::apply(Config config, TimePoint now) noexcept {
    config_ = std::move(config);
    clients_.configure(config_.limits, config_.timeouts);
    acceptor_.configure(config_.limits, room_for_connections());
    acceptor_.set_unacked_timeout(config_.timeouts.unacked);
    reporter_.set_interval(config_.stats.interval, now);
    log_.set_level(config_.log.level);
    clients_.set_fault_hook(log_.writes(LogLevel::debug)
                                ? [this](const Fault& fault) { tell_fault(fault); }
                                : FaultHook());
}

ControlAnswer Server::reload() {
    if (phase_ != Phase::serving) {
        const std::string why = "reload refused: the server is stopping";
        log_.entry(LogLevel::error, message_id::kReloadFailed, {}, why);
        return {false, why + "\n"};
    }
    const ReloadScope scope;
    ControlAnswer answer;
    try {
        Config wanted = load_config_();
        for (const std::string& key : keys_that_need_a_restart(config_, wanted)) {
            const bool unused = key.rfind("listen.", 0) == 0 && sockets_are_passed();
            const std::string text =
                key + (unused ? " has changed: it is not used, the sockets are those of the socket "
                                "unit, ignoring"
                              : " has changed: that takes effect at a restart, ignoring");
            log_->warn("{}", text);
            answer.text += text + "\n";
        }
        wanted.listen = config_.listen;
        wanted.log.target = config_.log.target;
        apply(std::move(wanted), now_);
        unless_memory_is_out([this] {
            log_.entry(LogLevel::info, message_id::kReload, {},
                       "reloaded: the new configuration is in force");
            warn_if_descriptors_lack();
        });
    } catch (const ConfigError& error) {
        answer.ok = false;
        for (const std::string& line : error.lines()) {
            log_.entry(LogLevel::error, message_id::kReloadFailed, {}, line);
            answer.text += line + "\n";
        }
        log_.entry(LogLevel::error, message_id::kReloadFailed, {},
                   "reload failed: the old configuration stays in force");
    }
    return answer;
}

ControlAnswer Server::answer(std::string_view command) {
    if (command == "reload") {
        return reload();
    }
    if (command == "status") {
        return {true, format_status(state())};
    }
    if (command == "stats json") {
        return {true, format_json(state())};
    }
    if (command == "stats openmetrics") {
        return {true, format_openmetrics(state())};
    }
    return {false, "unknown command; known are: reload, status, stats json, stats openmetrics\n"};
}

// The lists take a look at every connection, so they are made at most ten times a second, however
// often somebody asks; the figures are always those of the moment.
ServerState Server::state() {
    constexpr std::size_t kListed = 5;
    constexpr Duration kListsHold = std::chrono::milliseconds(100);
    if (!listed_at_ || now_ - *listed_at_ >= kListsHold) {
        busiest_.clear();
        oldest_.clear();
        clients_.summarize(kListed, now_, busiest_, oldest_);
        listed_at_ = now_;
    }
    ServerState state;
    state.busiest = busiest_;
    state.oldest = oldest_;
    for (const Listener& listener : acceptor_.listeners()) {
        state.listeners.push_back(listener.name);
    }
    state.phase = phase_ == Phase::serving ? "serving" : "draining";
    state.limits = config_.limits;
    state.counters = counters_;
    state.gauges = gauges();
    state.uptime = now_ - reporter_.started();
    state.longest_turn = reporter_.longest_turn();
    return state;
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

// The connections go to the next process in two pieces that the service manager keeps meanwhile:
// their descriptors, in flight in a datagram socket, and their state, in a sealed file. One entry
// in the manager's store for each connection would take it time quadratic in their number.
void Server::hand_over() {
    if (!service_.present()) {
        log_->warn("SIGUSR2, but there is no service manager to keep the connections, ignoring");
        return;
    }
    try {
        std::vector<ParkedConnection> parked;
        std::vector<int> fds;
        clients_.park(now_, parked, fds);
        auto [near, far] = datagram_pair();
        const std::size_t sent = send_descriptors(near.get(), fds);
        if (sent == 0 && !fds.empty()) {
            throw std::runtime_error("the kernel takes no descriptors in flight");
        }
        Inheritance inheritance{
            std::move(far), make_state_file(format_config(config_), std::span(parked).first(sent))};
        if (!service_.store(std::move(inheritance), acceptor_.listeners())) {
            throw std::runtime_error("the service manager did not answer");
        }
        if (!other_end_is_held(near.get())) {
            throw std::runtime_error("the service manager did not keep them; is "
                                     "FileDescriptorStoreMax= set in the unit, and large enough?");
        }
        if (sent < fds.size()) {
            log_->error("hand-over: {} of {} connections are lost: the kernel's limit on "
                        "descriptors in flight is LimitNOFILE=",
                        fds.size() - sent, fds.size());
        }
        clients_.forget_parked(sent);
        phase_ = Phase::handed_over;
    } catch (const std::exception& error) {
        log_->error("hand-over failed: {}; draining instead", error.what());
        empty_store();
        next_is_wanted_ = true;
        start_drain();
    }
}

void Server::take_over(Inheritance inheritance) {
    std::size_t came = 0;
    try {
        ReceivedDescriptors received = receive_descriptors(inheritance.connections.get());
        came = received.fds.size();
        const StateFile file(inheritance.state.get());
        const ParkedState state = decode_state(file.bytes());
        const std::size_t all = std::max(came, state.connections.size());
        MatchedConnections matched = match_descriptors(state.connections, std::move(received));
        const std::size_t refused =
            clients_.restore(matched.connections, matched.fds, Clock::now());
        const std::size_t restored = matched.connections.size() - refused;
        acceptor_.stop_watching_if_full();
        log_->info("took over {} connections from the process before", restored);
        if (restored != all) {
            log_->error("{} connections could not be taken over and were closed", all - restored);
        }
    } catch (const std::exception& error) { // memory may be out, too
        log_->error(
            "{} connections were closed: the state of the process before cannot be read: {}", came,
            error.what());
    }
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

void Server::tell_incidents(TimePoint now) {
    tell_full(now);
    if (counters_.rejected_per_ip != told_per_ip_) {
        const std::uint64_t times =
            counters_.rejected_per_ip - std::exchange(told_per_ip_, counters_.rejected_per_ip);
        if (const auto held_back = per_ip_limit_.allow(now, times)) {
            log_.entry(LogLevel::warning, message_id::kLimit, {},
                       fmt::format("limits.max_connections_per_ip ({}) is reached by an address{}",
                                   config_.limits.max_connections_per_ip, times_more(*held_back)));
        }
    }
    if (acceptor_.pause_error() != 0 && counters_.accept_errors != told_accept_errors_) {
        told_accept_errors_ = counters_.accept_errors;
        if (const auto held_back = exhausted_limit_.allow(now)) {
            log_.entry(LogLevel::warning, message_id::kLimit, {},
                       fmt::format("cannot accept: {}; new connections wait{}",
                                   describe_errno(acceptor_.pause_error()),
                                   times_more(*held_back)));
        }
    }
}

// Said as the limit is reached, and again for whom it costs a place while it lasts: those that wait
// ("queue") are in the statistics.
void Server::tell_full(TimePoint now) {
    const bool full = acceptor_.is_full();
    const bool reached = full && !was_full_;
    was_full_ = full;
    const std::uint64_t turned_away =
        counters_.rejected + counters_.closed[static_cast<std::size_t>(CloseReason::evicted)];
    const std::uint64_t times = std::max<std::uint64_t>(
        turned_away - std::exchange(told_turned_away_, turned_away), reached ? 1 : 0);
    if (times == 0) {
        return;
    }
    if (const auto held_back = full_limit_.allow(now, times)) {
        const bool by_config = acceptor_.most() == config_.limits.max_connections;
        log_.entry(LogLevel::warning, message_id::kLimit, {},
                   fmt::format("{} ({}) is reached, when_full applies{}",
                               by_config ? "limits.max_connections"
                                         : "what RLIMIT_NOFILE leaves for connections",
                               acceptor_.most(), times_more(*held_back)));
    }
}

// At level debug alone: for each connection at any other, it would be a lever in an attacker's
// hand.
void Server::tell_fault(const Fault& fault) {
    unless_memory_is_out([&] {
        if (fault.reason.empty()) {
            log_->debug("{}: {}", fault.peer.to_string(), fault.counter);
        } else {
            log_->debug("{}: {}_{} after {} messages and {} bytes", fault.peer.to_string(),
                        fault.counter, fault.reason, fault.messages, fault.bytes);
        }
    });
}

bool Server::sockets_are_passed() const noexcept {
    const std::vector<Listener>& all = acceptor_.listeners();
    return std::any_of(all.begin(), all.end(), [](const Listener& one) { return one.passed; });
}

std::uint64_t Server::reserved_descriptors() const noexcept {
    return acceptor_.listeners().size() + kReservedDescriptors;
}

// Clients never get the last descriptors: without one for it, no reload, no status, no notification
// could help the operator who has run out of them.
std::uint32_t Server::room_for_connections() const noexcept {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return static_cast<std::uint32_t>(kMost);
    }
    const std::uint64_t reserved = reserved_descriptors();
    const std::uint64_t room = limit.rlim_cur > reserved ? limit.rlim_cur - reserved : 1;
    return static_cast<std::uint32_t>(std::min(room, kMost));
}

void Server::warn_if_descriptors_lack() {
    rlimit limit{};
    const std::uint64_t needed = config_.limits.max_connections + reserved_descriptors();
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed) {
        log_.entry(
            LogLevel::warning, message_id::kLimit, {},
            fmt::format("limits.max_connections is {}, but RLIMIT_NOFILE is {} and {} would "
                        "be needed: when_full applies beyond {} connections; raise "
                        "LimitNOFILE= of the unit (ulimit -n in a shell), or lower the limit",
                        config_.limits.max_connections, limit.rlim_cur, needed, acceptor_.most()));
    }
}

Gauges Server::gauges() const noexcept {
    return {clients_.open(), acceptor_.waiting(), clients_.kept_bytes()};
}

} // namespace echod
