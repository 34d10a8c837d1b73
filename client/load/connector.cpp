// SPDX-License-Identifier: MIT
#include "client/load/connector.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace echoload {

namespace {

constexpr std::uint32_t kInterest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

constexpr std::uint64_t token_of(std::uint32_t id, std::uint32_t generation) {
    return static_cast<std::uint64_t>(generation) << 32U | id;
}

} // namespace

Connector::Connector(echod::Epoll& epoll, const std::vector<Target>& targets,
                     std::optional<SourceRange> sources, ConnectSchedule schedule,
                     std::uint32_t connections)
    : epoll_(epoll), targets_(targets), sources_(std::move(sources)),
      schedule_(std::move(schedule)), attempts_(connections), not_tried_(connections) {
    for (const Target& target : targets) {
        first_use_.push_back(uses_.size());
        for (const echod::Endpoint& address : target.addresses) {
            uses_.push_back({target.name, address.to_string(), 0, 0, 0, {}, {}});
        }
    }
}

void Connector::assign(std::uint32_t id, std::size_t target, std::uint64_t source) noexcept {
    attempts_[id].target = static_cast<std::uint16_t>(target);
    attempts_[id].source = source;
}

void Connector::replace(std::uint32_t id) noexcept {
    attempts_[id].first = attempts_[id].address; // which answered: RFC 8305, 4
    attempts_[id].tried = 1;
    attempts_[id].replaces = true;
}

void Connector::replace(std::uint32_t id, std::uint64_t source) noexcept {
    replace(id);
    attempts_[id].source = source;
}

ConnectResult Connector::open(std::uint32_t id, Session& session, TimePoint now,
                              Session::PrepareSocket prepare) {
    Attempt& attempt = attempts_[id];
    if (!attempt.connecting) {
        attempt.connecting = true;
        ++connecting_;
    }
    if (std::exchange(attempt.races, false)) {
        rivals_.add(id, {session.release_attempt(), attempt.generation, attempt.address});
        (void)next_address(attempt);
    }
    const ConnectResult result = try_addresses(id, session, now, prepare);
    if (result.state == ConnectState::up) {
        note_up(id, now);
    } else if (result.state == ConnectState::failed) {
        give_up(id);
    }
    return result;
}

ConnectResult Connector::finish(std::uint32_t id, Session& session, TimePoint now,
                                Session::PrepareSocket prepare) {
    const int error = session.finish_connect();
    if (error == 0) {
        note_up(id, now);
        return {ConnectState::up, 0};
    }
    Attempt& attempt = attempts_[id];
    use_of(attempt, attempt.address).errors.add(Phase::connect, error);
    if (next_address(attempt)) {
        return open(id, session, now, prepare);
    }
    if (resume_another(id, session)) {
        return {ConnectState::pending, 0};
    }
    give_up(id);
    return {ConnectState::failed, error};
}

// A name may have several addresses, of which the server listens on some only.
ConnectResult Connector::try_addresses(std::uint32_t id, Session& session, TimePoint now,
                                       Session::PrepareSocket prepare) {
    Attempt& attempt = attempts_[id];
    ConnectResult result = try_address(id, session, now, prepare);
    while (result.state == ConnectState::failed) {
        use_of(attempt, attempt.address).errors.add(result.phase, result.error);
        if (!next_address(attempt)) {
            return resume_another(id, session) ? ConnectResult{ConnectState::pending, 0} : result;
        }
        result = try_address(id, session, now, prepare);
    }
    return result;
}

ConnectResult Connector::try_address(std::uint32_t id, Session& session, TimePoint now,
                                     Session::PrepareSocket prepare) {
    Attempt& attempt = attempts_[id];
    attempt.generation = ++attempt.newest;
    std::optional<echod::Endpoint> source;
    if (sources_) {
        source = sources_->of(attempt.source);
    }
    const ConnectResult result =
        session.connect(targets_[attempt.target].addresses[attempt.address], now,
                        source ? &*source : nullptr, prepare);
    if (result.state == ConnectState::busy) {
        retries_.add(now + kConnectRetry, {id, attempt.generation});
        return result;
    }
    if (result.state == ConnectState::failed) {
        return result;
    }
    if (result.state == ConnectState::pending &&
        attempt.tried < targets_[attempt.target].addresses.size()) {
        races_.add(now + kAttemptDelay, {id, attempt.generation});
    }
    const int error = epoll_.add(session.fd(), kInterest, token_of(id, attempt.generation));
    return error == 0 ? result : ConnectResult{ConnectState::failed, error};
}

bool Connector::next_address(Attempt& attempt) const noexcept {
    if (attempt.tried == targets_[attempt.target].addresses.size()) {
        return false;
    }
    const std::uint16_t position =
        attempt.tried++; // after the first one, the others in their order
    attempt.address =
        static_cast<std::uint16_t>(position <= attempt.first ? position - 1 : position);
    return true;
}

bool Connector::begin_race(const Retry& race) noexcept {
    Attempt& attempt = attempts_[race.id];
    attempt.races = attempt.connecting && is_current(race.id, race.generation) &&
                    attempt.tried < targets_[attempt.target].addresses.size();
    return attempt.races;
}

bool Connector::resume(std::uint32_t id, std::uint64_t generation, Session& session) {
    Attempt& attempt = attempts_[id];
    auto rival = attempt.connecting ? rivals_.take(id, generation) : std::nullopt;
    if (!rival) {
        return false;
    }
    rivals_.add(id, {session.release_attempt(), attempt.generation, attempt.address});
    session.resume_attempt(std::move(rival->fd));
    attempt.generation = rival->generation;
    attempt.address = rival->address;
    return true;
}

// The current attempt has failed, and no address is left to be tried: an older one may still
// succeed.
bool Connector::resume_another(std::uint32_t id, Session& session) {
    auto rival = rivals_.take(id);
    if (!rival) {
        return false;
    }
    session.resume_attempt(std::move(rival->fd));
    attempts_[id].generation = rival->generation;
    attempts_[id].address = rival->address;
    return true;
}

void Connector::note_up(std::uint32_t id, TimePoint now) {
    const Attempt& attempt = attempts_[id];
    ++use_of(attempt, attempt.address).up;
    for (const std::uint16_t address : rivals_.drop(id)) {
        ++use_of(attempt, address).overtaken;
    }
    settle(id);
    schedule_.up(id, now);
}

// The opening has succeeded or failed.
void Connector::settle(std::uint32_t id) noexcept {
    Attempt& attempt = attempts_[id];
    attempt.connecting = false;
    --connecting_;
    not_tried_ -= attempt.replaces ? 0 : 1;
}

void Connector::give_up(std::uint32_t id) {
    settle(id);
    schedule_.settled(id);
}

void Connector::fail(std::uint32_t id) {
    const Attempt& attempt = attempts_[id];
    use_of(attempt, attempt.address).errors.add(Phase::connect, ETIMEDOUT);
    for (const std::uint16_t address : rivals_.drop(id)) {
        use_of(attempt, address).errors.add(Phase::connect, ETIMEDOUT);
    }
    give_up(id);
}

void Connector::cancel(std::uint32_t id) {
    rivals_.drop(id);
    attempts_[id].connecting = false;
    --connecting_;
}

void Connector::drop_queued() noexcept {
    retries_.clear();
    replacements_.clear();
}

TimePoint Connector::next() const noexcept {
    constexpr TimePoint kNever = TimePoint::max();
    TimePoint next = std::min(retries_.next(), schedule_.next().value_or(kNever));
    next = std::min(next, races_.next());
    if (!replacements_.empty()) {
        next = std::min(next, schedule_.next_again().value_or(kNever));
    }
    return next;
}

} // namespace echoload
