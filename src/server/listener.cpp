// SPDX-License-Identifier: MIT
//
// A full server. With when_full = "queue" the listeners are taken out of epoll's sight while the
// limit is reached, so that waiting clients cost no wake-up; they stay in the kernel's backlog, and
// each close makes room for the next. The same pause serves when descriptors or memory are out:
// accept(2) reports EMFILE even for an empty backlog, so trying until it goes away would spin. It
// ends at the next close, or after kAcceptRetry, for somebody else may have freed the descriptor.
//
// A listener that fails otherwise is left alone for kAcceptRetry, and the others go on: a security
// module or a seccomp filter that refuses (EPERM, EACCES) leaves the connection in the queue, and a
// listener that somebody else who holds it has shut down (EINVAL) says so for ever. So is one where
// call after call says that a connection had failed: that, too, may be for ever.
#include "server/listener.hpp"

#include "base/sys_error.hpp"

#include <fmt/format.h>
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

// True where `fd` is bound to address and port; a wanted port of 0 is any port.
bool is_bound_to(int fd, const std::string& address, std::uint16_t port) {
    const Endpoint bound = local_endpoint(fd);
    const auto wanted = parse_ip(address, port != 0 ? port : bound.port());
    return wanted && bound.to_string() == wanted->to_string();
}

// Throws std::system_error where its interface does not exist.
Endpoint endpoint_at(const std::string& address, std::uint16_t port) {
    if (const auto endpoint = parse_ip(address, port)) {
        return *endpoint;
    }
    throw_errno(ENODEV, fmt::format("cannot listen on [{}]:{}: there is no interface {}", address,
                                    port, address.substr(address.find('%') + 1)));
}

// True where accept(2) took a connection out of the queue that had failed already, or was only
// interrupted: the next one may be well (accept(2), "Error handling").
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

// So many, and it is no longer one connection that is concerned.
constexpr std::uint32_t kMostFailedInARow = 256;

} // namespace

std::vector<Listener> open_listeners(const Config::Listen& listen,
                                     std::vector<Listener>&& inherited) {
    std::vector<Listener> listeners(listen.addresses.size());
    std::vector<std::size_t> taken(listeners.size(), inherited.size());
    const auto is_free = [&taken](std::size_t one) {
        return std::find(taken.begin(), taken.end(), one) == taken.end();
    };
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        const std::string& address = listen.addresses[i];
        std::size_t same = 0;
        while (same < inherited.size() &&
               !(is_free(same) && is_bound_to(inherited[same].fd.get(), address, listen.port))) {
            ++same;
        }
        taken[i] = same;
        if (same == inherited.size()) {
            const Endpoint endpoint = endpoint_at(address, listen.port);
            listeners[i].fd = listen_at(endpoint, static_cast<int>(listen.backlog));
            listeners[i].name = local_endpoint(listeners[i].fd.get()).to_string();
        }
    }
    for (std::size_t i = 0; i < listeners.size(); ++i) { // all are to be had
        if (taken[i] != inherited.size()) {
            listeners[i] = std::move(inherited[taken[i]]);
            // listen(2) on a listening socket sets its backlog anew and loses nobody.
            (void)::listen(listeners[i].fd.get(), static_cast<int>(listen.backlog));
        }
    }
    inherited.clear();
    return listeners;
}

Acceptor::Acceptor(std::vector<Listener> listeners, Epoll& epoll, Clients& clients,
                   Counters& counters, std::uint64_t first_token)
    : listeners_(std::move(listeners)), pending_(listeners_.size(), 1), epoll_(epoll),
      clients_(clients), counters_(counters), first_token_(first_token) {
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        set_nodelay(listeners_[i].fd.get()); // what it accepts inherits it
        if (const int error = epoll_.add(listeners_[i].fd.get(), kAcceptEvents, first_token_ + i);
            error != 0) {
            throw_errno(error, "cannot watch " + listeners_[i].name);
        }
    }
}

void Acceptor::configure(const Config::Limits& limits, std::uint32_t room) noexcept {
    limits_ = limits;
    most_ = std::min(limits.max_connections, room);
    stop_watching_if_full();
}

void Acceptor::stop_watching_if_full() noexcept {
    if (watching_ && must_wait()) {
        (void)watch(false); // a listener that stays watched costs a wake-up, no more
    }
}

void Acceptor::set_unacked_timeout(Duration time) noexcept {
    if (unacked_timeout_ == time) {
        return;
    }
    unacked_timeout_ = time;
    for (const Listener& listener : listeners_) {
        echod::set_unacked_timeout(listener.fd.get(), time); // what it accepts inherits it
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
    return !retry_at_ || counters_.closed_total() != closed_at_pause_;
}

std::optional<TimePoint> Acceptor::retry_at() const noexcept {
    if (must_wait()) {
        return std::nullopt;
    }
    return retry_at_ && recheck_at_ ? std::min(retry_at_, recheck_at_)
                                    : (retry_at_ ? retry_at_ : recheck_at_);
}

void Acceptor::accept_some(TimePoint now) noexcept {
    resume_if_possible(now);
    if (recheck_at_ && *recheck_at_ <= now) {
        recheck_at_.reset();
        std::fill(pending_.begin(), pending_.end(), std::uint8_t{1});
        any_pending_ = true;
    }
    std::uint32_t budget = limits_.accepts_per_turn;
    std::size_t dry = 0; // listeners in a row that had nobody
    while (watching_ && budget != 0 && dry < listeners_.size() && !must_wait()) {
        const std::size_t index = next_listener_++ % listeners_.size();
        if (pending_[index] == 0) {
            ++dry;
            continue;
        }
        switch (accept_one(index, now)) {
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

Acceptor::Accepted Acceptor::accept_one(std::size_t index, TimePoint now) noexcept {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    UniqueFd fd(::accept4(listeners_[index].fd.get(), reinterpret_cast<sockaddr*>(&storage),
                          &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
        failed_in_a_row_ = 0;
        admit(std::move(fd), {reinterpret_cast<const sockaddr*>(&storage), length}, now);
        return Accepted::one;
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

void Acceptor::admit(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept {
    // Whatever becomes of it, it is one of those that waited, and they come first.
    const bool had_waited = waited_ != 0;
    if (had_waited) {
        --waited_;
    }
    if (limits_.max_connections_per_ip != 0 &&
        clients_.held_by(peer) >= limits_.max_connections_per_ip) {
        ++counters_.rejected_per_ip;
        clients_.tell_turned_away(peer, "rejected_per_ip");
        return;
    }
    if (is_full()) {
        if (limits_.when_full == WhenFull::reject) {
            ++counters_.rejected;
            clients_.tell_turned_away(peer, "rejected");
            return;
        }
        clients_.evict_longest_idle();
    }
    if (!clients_.add(std::move(fd), peer, now)) {
        ++counters_.accept_errors;
        return;
    }
    if (had_waited) {
        ++counters_.queued;
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
        pending_[i] = 1; // no edge tells what came while nobody watched
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
    if (retry_at_ && now < *retry_at_ && counters_.closed_total() == closed_at_pause_) {
        return;
    }
    retry_at_.reset();
    waited_ = waiting();
    if (const int error = watch(true); error != 0) {
        // Unwatched, a listener would never be heard of again.
        ++counters_.accept_errors;
        watching_ = false;
        pause(error, now);
    }
}

std::uint32_t Acceptor::waiting() const noexcept {
    std::uint32_t sum = 0;
    for (const Listener& listener : listeners_) {
        sum += watching_ ? 0 : backlog_length(listener.fd.get());
    }
    return sum;
}

void Acceptor::finish(TimePoint now) noexcept {
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        (void)epoll_.remove(listeners_[i].fd.get());
        // Bounded, for who comes meanwhile could keep it busy for ever.
        std::uint32_t budget =
            std::max<std::uint32_t>(SOMAXCONN, backlog_length(listeners_[i].fd.get()));
        for (bool more = !listeners_[i].passed; more && budget != 0 && !is_full(); --budget) {
            const Accepted result = accept_one(i, now);
            more = result == Accepted::one || result == Accepted::failed;
        }
    }
    listeners_.clear();
    pending_.clear();
}

} // namespace echod
