// SPDX-License-Identifier: MIT
//
// A full server. With when_full = "queue" the events of the listeners are disabled while the limit
// is reached, so that waiting connections cause no wake-ups. They stay in the kernel's backlog, and
// each close lets one in.
//
// Out of file descriptors or memory. Accepting pauses in the same way, because accept(2) reports
// EMFILE even for an empty backlog and a retry at once would spin. The pause ends when a connection
// closes, or after kAcceptRetry, because another process may have freed a descriptor.
//
// An accepted connection that cannot be added: epoll refuses it (ENOSPC, the limit of watches;
// ENOMEM), or memory for its record is out. accept(2) has taken it from the backlog already, so it
// is held here. Accepting pauses in the same way, so the others stay in the backlog, and the held
// one is the first to be added afterwards.
//
// Other failures of a listener. The listener is not tried for kAcceptRetry, and the other listeners
// are served. A security module or a seccomp filter that refuses (EPERM, EACCES) leaves the
// connection in the backlog, and a listener that another process has shut down (EINVAL) fails
// permanently. A listener that reports failed connections many times in a row is treated the same.
#include "server/listener/acceptor.hpp"

#include "base/sys_error.hpp"
#include "net/fd_passing.hpp"
#include "net/socket.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace echod {

namespace {

constexpr std::uint32_t kAcceptEvents = EPOLLIN | EPOLLET;

bool is_exhaustion(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// True if accept(2) was interrupted or returned the error of a connection that had failed already
// and is out of the backlog: the next call may succeed (accept(2), "Error handling").
bool concerns_one_connection(int error) noexcept {
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

// After that many such errors in a row, the listener counts as failed.
constexpr std::uint32_t kMostFailedInARow = 256;

} // namespace

Acceptor::Acceptor(std::vector<Listener> listeners, Epoll& epoll, Clients& clients,
                   Counters& counters, std::uint64_t first_token)
    : listeners_(std::move(listeners)), pending_(listeners_.size(), 1), epoll_(epoll),
      clients_(clients), counters_(counters), first_token_(first_token) {
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        set_nodelay(listeners_[i].fd.get()); // accepted sockets inherit it
        if (const int error = epoll_.add(listeners_[i].fd.get(), kAcceptEvents, first_token_ + i);
            error != 0) {
            throw_errno(error, "cannot watch " + listeners_[i].name);
        }
    }
}

// New listeners are registered first, so that a failure changes nothing. An event of a closed
// listener may still be in the batch of the loop: it then causes one accept(2) too many.
int Acceptor::replace(ListenPlan plan, std::vector<Listener>& old, TimePoint now) {
    std::vector<std::uint8_t> pending(plan.listeners.size(), 1);
    for (std::size_t i = 0; i < plan.listeners.size(); ++i) {
        if (plan.stays[i] != ListenPlan::kNew) {
            continue;
        }
        if (const int error = register_new(plan.listeners[i].fd.get(), EPOLLET, i); error != 0) {
            return error; // closing the new listeners ends their registration
        }
    }
    old = std::move(listeners_);
    listeners_ = apply_plan(std::move(plan), old);
    pending_ = std::move(pending);
    watch_or_pause(watching_, now); // every listener has its new index as token
    return 0;
}

// cppcheck-suppress passedByValue // the descriptors are closed at the end
void Acceptor::close_old(std::vector<Listener> old, TimePoint now) noexcept {
    for (const Listener& listener : old) {
        (void)epoll_.remove(listener.fd.get());
        empty_backlog(listener.fd.get(), now);
    }
}

int Acceptor::add(Listener listener) {
    const std::size_t index = listeners_.size();
    listeners_.reserve(index + 1);
    pending_.reserve(index + 1);
    const std::uint32_t events = watching_ ? kAcceptEvents : EPOLLET;
    if (const int error = register_new(listener.fd.get(), events, index); error != 0) {
        return error;
    }
    listeners_.push_back(std::move(listener));
    pending_.push_back(1);
    any_pending_ = true;
    return 0;
}

int Acceptor::register_new(int listener, std::uint32_t events, std::size_t index) noexcept {
    set_nodelay(listener);
    if (unacked_timeout_) {
        echod::set_unacked_timeout(listener, *unacked_timeout_, probes_);
    }
    if (unsent_limit_) {
        echod::set_unsent_limit(listener, *unsent_limit_);
    }
    if (incoming_cpu_) {
        echod::set_incoming_cpu(listener, *incoming_cpu_);
    }
    return epoll_.add(listener, events, first_token_ + index);
}

void Acceptor::configure(const Config::Limits& limits, std::uint32_t room) noexcept {
    limits_ = limits;
    most_ = std::min(limits.max_connections, room);
    stop_watching_if_full();
}

void Acceptor::stop_watching_if_full() noexcept {
    if (watching_ && must_wait()) {
        (void)watch(false); // a listener that stays enabled costs wake-ups only
    }
}

void Acceptor::set_unacked_timeout(const Config::Timeouts& timeouts) noexcept {
    const Duration time = timeouts.unacked;
    const bool probes = timeouts.probes_silent_clients();
    if (unacked_timeout_ == time && probes_ == probes) {
        return;
    }
    unacked_timeout_ = time;
    probes_ = probes;
    for (const Listener& listener : listeners_) {
        echod::set_unacked_timeout(listener.fd.get(), time, probes); // accepted sockets inherit it
    }
}

void Acceptor::set_unsent_limit(std::uint32_t bytes) noexcept {
    if (unsent_limit_ == bytes) {
        return;
    }
    unsent_limit_ = bytes;
    for (const Listener& listener : listeners_) {
        echod::set_unsent_limit(listener.fd.get(), bytes); // accepted sockets inherit it
    }
}

void Acceptor::set_incoming_cpu(int cpu) noexcept {
    if (incoming_cpu_ == cpu) {
        return;
    }
    incoming_cpu_ = cpu;
    for (const Listener& listener : listeners_) {
        echod::set_incoming_cpu(listener.fd.get(), cpu);
    }
}

void Acceptor::on_event(std::size_t index) noexcept {
    if (index < pending_.size()) {
        pending_[index] = 1;
        any_pending_ = true;
    }
}

bool Acceptor::may_take() const noexcept {
    if (must_wait()) {
        return false;
    }
    return retry_at_ == kNever || counters_.closed_total() != closed_at_pause_;
}

void Acceptor::accept_some(TimePoint now) noexcept {
    resume_if_possible(now);
    if (watching_) {
        admit_held(now);
    }
    if (recheck_at_ <= now) {
        recheck_at_ = kNever;
        std::fill(pending_.begin(), pending_.end(), std::uint8_t{1});
        any_pending_ = true;
    }
    std::uint32_t budget = limits_.accepts_per_turn;
    std::size_t dry = 0; // listeners in a row without a connection
    while (watching_ && budget != 0 && dry < listeners_.size() && !must_wait()) {
        const std::size_t index = next_listener_++ % listeners_.size();
        if (pending_[index] == 0) {
            ++dry;
            continue;
        }
        switch (accept_one(listeners_[index].fd.get(), now)) {
        case Accepted::none_left:
            pending_[index] = 0;
            ++dry;
            break;
        case Accepted::stop:
            (void)watch(false);
            return;
        case Accepted::one:
        case Accepted::failed:
            --budget;
            dry = 0;
            break;
        }
    }
    any_pending_ = dry < listeners_.size();
    stop_watching_if_full();
}

Acceptor::Accepted Acceptor::accept_one(int listener, TimePoint now) noexcept {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    UniqueFd fd(::accept4(listener, reinterpret_cast<sockaddr*>(&storage), &length,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
        failed_in_a_row_ = 0;
        const Endpoint peer{reinterpret_cast<const sockaddr*>(&storage), length};
        return admit(std::move(fd), peer, now) ? Accepted::one : Accepted::stop;
    }
    if (errno == EAGAIN) {
        failed_in_a_row_ = 0;
        return Accepted::none_left;
    }
    const int error = errno;
    ++counters_.accept_errors;
    if (concerns_one_connection(error) && ++failed_in_a_row_ != kMostFailedInARow) {
        return Accepted::failed;
    }
    failed_in_a_row_ = 0;
    if (is_exhaustion(error)) {
        pause(error, now);
        return Accepted::stop;
    }
    pause_error_ = error;
    recheck_at_ = now + kAcceptRetry;
    return Accepted::none_left;
}

bool Acceptor::admit(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept {
    // The backlog is in order, so the first `waited_` connections are those that waited.
    const bool had_waited = waited_ != 0;
    if (had_waited) {
        --waited_;
    }
    if (limits_.max_connections_per_ip != 0 &&
        clients_.held_by(peer) >= limits_.max_connections_per_ip) {
        ++counters_.rejected_per_ip;
        clients_.report_rejection(peer, "rejected_per_ip");
        return true;
    }
    if (is_full()) {
        if (limits_.when_full == WhenFull::reject) {
            ++counters_.rejected;
            clients_.report_rejection(peer, "rejected");
            return true;
        }
        clients_.evict_longest_idle();
    }
    if (const int error = clients_.add(std::move(fd), peer, now); error != 0) {
        ++counters_.setup_errors;
        held_ = {std::move(fd), peer}; // NOLINT(bugprone-use-after-move): unchanged on failure
        pause(error, now);
        return false;
    }
    if (had_waited) {
        ++counters_.queued;
    }
    return true;
}

void Acceptor::admit_held(TimePoint now) noexcept {
    if (!held_.fd || must_wait()) {
        return;
    }
    Held held = std::exchange(held_, Held{});
    if (!admit(std::move(held.fd), held.peer, now)) {
        (void)watch(false);
    }
}

void Acceptor::pause(int error, TimePoint now) noexcept {
    pause_error_ = error;
    retry_at_ = now + kAcceptRetry;
    closed_at_pause_ = counters_.closed_total();
}

int Acceptor::watch(bool on) noexcept {
    watching_ = on;
    int failed = 0;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        any_pending_ = true;
        pending_[i] = 1; // edges were not reported while events were disabled
        const std::uint32_t events = on ? kAcceptEvents : EPOLLET;
        const int error = epoll_.modify(listeners_[i].fd.get(), events, first_token_ + i);
        failed = error != 0 ? error : failed;
    }
    return failed;
}

void Acceptor::resume_if_possible(TimePoint now) noexcept {
    if (watching_ || must_wait()) {
        return;
    }
    if (retry_at_ != kNever && now < retry_at_ && counters_.closed_total() == closed_at_pause_) {
        return;
    }
    retry_at_ = kNever;
    waited_ = waiting();
    watch_or_pause(true, now);
}

void Acceptor::watch_or_pause(bool on, TimePoint now) noexcept {
    if (const int error = watch(on); error != 0) {
        // A listener with disabled events would never be served again, so this is retried.
        ++counters_.accept_errors;
        watching_ = false;
        pause(error, now);
    }
}

std::uint32_t Acceptor::waiting() const noexcept {
    std::uint32_t sum = held_.fd ? 1 : 0;
    for (const Listener& listener : listeners_) {
        sum += watching_ ? 0 : backlog_length(listener.fd.get());
    }
    return sum;
}

void Acceptor::empty_backlog(int listener, TimePoint now) noexcept {
    // Bounded, because new connections could arrive as fast as they are accepted.
    std::uint32_t budget = std::max<std::uint32_t>(SOMAXCONN, backlog_length(listener));
    // A held connection must be added before another may fail to be.
    for (bool more = !held_.fd; more && budget != 0 && !is_full(); --budget) {
        const Accepted result = accept_one(listener, now);
        if (result == Accepted::stop) {
            (void)watch(false); // resume_if_possible() ends the pause
        }
        more = result == Accepted::one || result == Accepted::failed;
    }
}

void Acceptor::retire(int listener, TimePoint now) noexcept {
    empty_backlog(listener, now);
    const auto cookie = socket_cookie(listener);
    const bool used =
        std::any_of(listeners_.begin(), listeners_.end(), [&cookie](const Listener& own) {
            return socket_cookie(own.fd.get()) == cookie;
        });
    if (!used) {
        ::shutdown(listener, SHUT_RD);
    }
}

void Acceptor::finish(TimePoint now) noexcept {
    admit_held(now);
    for (const Listener& listener : listeners_) {
        (void)epoll_.remove(listener.fd.get());
        if (!listener.outlives_process()) {
            empty_backlog(listener.fd.get(), now);
        }
    }
    held_ = {};
    listeners_.clear();
    pending_.clear();
}

} // namespace echod
