// SPDX-License-Identifier: MIT
#include "client/abuse/abuse_loop.hpp"

#include "base/start_thread.hpp"
#include "base/sys_error.hpp"
#include "net/socket.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>

// The loop is edge-triggered and shares nothing with the loops of the load but the processors. So
// that its own load does not look like the server's, connections are opened and reset at a steady
// pace and not in bursts.

namespace echoload {

using echod::Clock;
using echod::IoResult;

namespace {

constexpr double kOpensPerSecond = 2000;
// Between two resets of all connections of the mode, and of each.
constexpr Duration kLeastResetSpacing = std::chrono::milliseconds(1);
constexpr Duration kResetInterval = std::chrono::milliseconds(100);
constexpr Duration kGrace = std::chrono::seconds(1);
constexpr Duration kEndCheck = std::chrono::milliseconds(10);
constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};
constexpr std::size_t kBuffer = 16 * 1024;
// Messages in flight where the server's buffers do not set a lower limit.
constexpr std::uint64_t kMostInFlight = 1024;
constexpr std::size_t kSlowReadBytes = 16;
constexpr std::size_t kHalfHeader = 4;

} // namespace

AbuseLoop::AbuseLoop(const AbuseSetup& setup, const std::vector<Target>& targets)
    : timeout_(setup.timeout), first_(kFirstAbuser + setup.first), messages_(setup.seed),
      connector_(epoll_, targets, setup.source,
                 ConnectSchedule(setup.cohorts.total(), kOpensPerSecond, Clock::now()),
                 setup.cohorts.total()),
      buffer_(kBuffer) {
    const PerAbuseMode<std::uint32_t>& connections = setup.cohorts.connections;
    // The load uses the source addresses before this one.
    const std::uint64_t first_source = (setup.load + targets.size() - 1) / targets.size();
    // One of each cohort in turn, so that each has connections soon.
    const std::uint32_t most = *std::max_element(connections.begin(), connections.end());
    for (std::uint32_t k = 0; k < most; ++k) {
        for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
            if (k < connections[mode]) {
                const auto id = static_cast<std::uint32_t>(abusers_.size());
                abusers_.push_back({new_session(id), static_cast<AbuseMode>(mode)});
                connector_.assign(id, k % targets.size(), first_source + id);
                ++result_[mode].asked;
            }
        }
    }
    const std::uint32_t resetting = connections[static_cast<std::size_t>(AbuseMode::rst)];
    reset_spacing_ = std::max(kLeastResetSpacing, kResetInterval / std::max(resetting, 1U));
    if (const int error = epoll_.add(wake_.fd(), EPOLLIN, kWakeToken); error != 0) {
        echod::throw_errno(error, "epoll_ctl");
    }
    thread_ = echod::start_thread([this] {
        try {
            run();
        } catch (const std::exception& error) {
            failure_ = error.what();
        }
    });
}

AbuseLoop::~AbuseLoop() {
    stop();
}

Session AbuseLoop::new_session(std::uint32_t id) const noexcept {
    const std::uint64_t connection = first_ + id;
    return {connection, messages_.stream(connection)};
}

void AbuseLoop::stop() {
    if (thread_.joinable()) {
        stopping_.store(true, std::memory_order_release);
        wake_.signal();
        thread_.join();
    }
}

void AbuseLoop::run() {
    std::array<epoll_event, 256> events;
    for (;;) {
        TimePoint now = Clock::now();
        apply_control(now);
        if (end_ != TimePoint::max() && (now >= end_ || all_answered())) {
            break;
        }
        run_due(now);
        const int count = epoll_.wait(events, time_to_sleep(now));
        if (count < 0) {
            echod::throw_errno(-count, "epoll_wait");
        }
        now = Clock::now();
        for (int i = 0; i < count; ++i) {
            handle(events[static_cast<std::size_t>(i)], now);
        }
    }
    finish(Clock::now());
}

// After stop(), nothing new is done, and slow readers read all that has come.
void AbuseLoop::apply_control(TimePoint now) {
    if (end_ != TimePoint::max() || !stopping_.load(std::memory_order_acquire)) {
        return;
    }
    end_ = now + kGrace;
    connector_.stop();
    connector_.drop_queued();
    for (auto& queue : actions_) {
        queue.clear();
    }
    for (std::uint32_t id = 0; id < abusers_.size(); ++id) {
        if (abusers_[id].phase == Phase::open && abusers_[id].mode == AbuseMode::slow_read) {
            receive(id, kAll, now);
        }
    }
}

bool AbuseLoop::all_answered() const noexcept {
    return std::none_of(abusers_.begin(), abusers_.end(), [](const Abuser& abuser) {
        return abuser.phase == Phase::open && abuser.mode != AbuseMode::never_read &&
               abuser.session.whole_in_flight() != 0;
    });
}

Duration AbuseLoop::time_to_sleep(TimePoint now) const noexcept {
    TimePoint until = std::min({end_, connector_.next(), connect_timeouts_.next()});
    if (end_ != TimePoint::max()) {
        until = std::min(until, now + kEndCheck);
    }
    for (const auto& queue : actions_) {
        until = std::min(until, queue.next());
    }
    return std::clamp<Duration>(until - now, Duration::zero(), std::chrono::hours(1));
}

void AbuseLoop::run_due(TimePoint now) {
    connector_.open_due(now, [this, now](std::uint32_t id) { open(id, now); });
    while (const auto due = connect_timeouts_.take(now)) {
        const Abuser& abuser = abusers_[due->id];
        if (abuser.attempt == due->attempt && abuser.phase == Phase::connecting) {
            connector_.fail(due->id);
            connect_failed(due->id, now);
        }
    }
    for (auto& queue : actions_) {
        while (const auto due = queue.take(now)) {
            const Abuser& abuser = abusers_[due->id];
            if (abuser.attempt == due->attempt && abuser.phase != Phase::over) {
                act(due->id, now);
            }
        }
    }
}

void AbuseLoop::handle(const epoll_event& event, TimePoint now) {
    if (event.data.u64 == kWakeToken) {
        wake_.clear();
        return;
    }
    const auto id = static_cast<std::uint32_t>(event.data.u64);
    Abuser& abuser = abusers_[id];
    if (abuser.phase == Phase::over ||
        (!connector_.is_current(id, event.data.u64 >> 32U) &&
         !connector_.resume(id, event.data.u64 >> 32U, abuser.session))) {
        return; // of a descriptor that is closed already
    }
    if (abuser.phase == Phase::connecting) {
        opened(id, connector_.finish(id, abuser.session, now, prepare_socket(abuser.mode)), now);
    } else if ((event.events & EPOLLOUT) != 0 && !reads_at_once(abuser.mode)) {
        fill(id, now);
    }
    if (abuser.phase != Phase::open) {
        return;
    }
    const bool hung_up = (event.events & echod::kHungUp) != 0;
    if (abuser.mode == AbuseMode::never_read) {
        if (hung_up) {
            closed_by_server(id, (event.events & EPOLLERR) != 0, now);
        }
    } else if (hung_up || reads_at_once(abuser.mode) || end_ != TimePoint::max()) {
        receive(id, kAll, now);
    }
}

void AbuseLoop::open(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    if (abuser.phase == Phase::waiting) {
        abuser.phase = Phase::connecting;
        abuser.since = now;
        connect_timeouts_.add(now + timeout_, {id, abuser.attempt});
    }
    opened(id, connector_.open(id, abuser.session, now, prepare_socket(abuser.mode)), now);
}

void AbuseLoop::opened(std::uint32_t id, const ConnectResult& result, TimePoint now) {
    if (result.state == ConnectState::up) {
        established(id, now);
    } else if (result.state == ConnectState::failed) {
        connect_failed(id, now);
    }
}

void AbuseLoop::connect_failed(std::uint32_t id, TimePoint now) {
    ++counts(abusers_[id]).refused;
    close(id, now);
}

void AbuseLoop::established(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    abuser.phase = Phase::open;
    abuser.since = now;
    ++counts(abuser).opened;
    Session& session = abuser.session;
    switch (abuser.mode) {
    case AbuseMode::idle:
        break;
    case AbuseMode::half_header:
        session.queue(1, false);
        (void)send_part(id, kHalfHeader, now);
        break;
    case AbuseMode::oversize:
        session.queue(1, false);
        if (!send_part(id, kAll, now)) {
            break;
        }
        [[fallthrough]];
    case AbuseMode::garbage:
        (void)echod::send_some(session.fd(),
                               messages_.invalid_bytes(abuser.mode, session.stream()));
        break;
    case AbuseMode::rst:
        session.queue(1, false);
        if (send_part(id, kAll, now)) {
            echod::set_abort_on_close(session.fd());
            close(id, now);
        }
        break;
    case AbuseMode::dribble:
    case AbuseMode::slow_read:
        act(id, now);
        break;
    case AbuseMode::never_read:
        fill(id, now);
        break;
    }
}

// The next action of a connection that acts repeatedly.
void AbuseLoop::act(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    switch (abuser.mode) {
    case AbuseMode::rst:
        open(id, now);
        return; // its next action follows its end
    case AbuseMode::dribble:
        if (!abuser.session.wants_to_send()) {
            abuser.session.queue(1, false);
        }
        (void)send_part(id, 1, now);
        break;
    default:
        receive(id, kSlowReadBytes, now);
        fill(id, now);
        break;
    }
    if (const auto interval = action_interval(abuser.mode);
        interval && abuser.phase == Phase::open) {
        actions_[index(abuser.mode)].add(now + *interval, {id, abuser.attempt});
    }
}

// Sends until the kernel takes no more.
void AbuseLoop::fill(std::uint32_t id, TimePoint now) {
    Session& session = abusers_[id].session;
    while (abusers_[id].phase == Phase::open && end_ == TimePoint::max()) {
        const std::uint64_t outstanding = session.outstanding();
        if (outstanding < kMostInFlight) {
            session.queue(static_cast<std::uint32_t>(kMostInFlight - outstanding), false);
        }
        if (!session.wants_to_send() || !send_part(id, kAll, now)) {
            return;
        }
    }
}

// Sends up to `most` bytes of what is queued. False where the kernel does not take them, or where
// the server has closed the connection.
bool AbuseLoop::send_part(std::uint32_t id, std::size_t most, TimePoint now) {
    Abuser& abuser = abusers_[id];
    const Generator& generator = messages_.generator(abuser.mode);
    const auto composed = abuser.session.compose(generator, buffer_);
    const IoResult result =
        abuser.session.send(generator, composed.first(std::min(most, composed.size())), now,
                            tallies_[index(abuser.mode)]);
    if (result.error != 0 && !result.would_block()) {
        closed_by_server(id, true, now);
    }
    return result.error == 0;
}

void AbuseLoop::receive(std::uint32_t id, std::size_t most, TimePoint now) {
    Abuser& abuser = abusers_[id];
    do {
        const auto room = std::span(buffer_).first(std::min(most, buffer_.size()));
        const IoResult result = abuser.session.receive(room);
        if (result.would_block()) {
            return;
        }
        if (result.error != 0 || result.bytes == 0) {
            closed_by_server(id, result.error != 0, now);
        } else if (!take_bytes(abuser, std::span(buffer_).first(result.bytes), now)) {
            close(id, now);
        }
    } while (abuser.phase == Phase::open && most == kAll);
}

// Whether the bytes are right so far: echoes of the valid messages, and the invalid bytes after
// them where the server returns these too.
bool AbuseLoop::take_bytes(Abuser& abuser, std::span<const std::byte> bytes, TimePoint now) {
    counts(abuser).echoed_bytes += bytes.size();
    const auto echo =
        messages_.echo_part(abuser.mode, abuser.session.stream(), abuser.received, bytes);
    abuser.received += bytes.size();
    return abuser.session.verify(rules(abuser.mode), echo, {now, false},
                                 tallies_[index(abuser.mode)], mismatches_) != VerifyState::failed;
}

void AbuseLoop::closed_by_server(std::uint32_t id, bool by_reset, TimePoint now) {
    Abuser& abuser = abusers_[id];
    ++(by_reset ? counts(abuser).closed_by_rst : counts(abuser).closed_by_fin);
    open_times_[index(abuser.mode)].push_back(now - abuser.since);
    close(id, now);
}

void AbuseLoop::close(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    Tally& tally = tallies_[index(abuser.mode)];
    (void)abuser.session.settle(rules(abuser.mode), {now, false}, tally, mismatches_);
    counts(abuser).whole_messages += abuser.session.whole_sent();
    abuser.session.end(Ending::run_over, now, timeout_, tally);
    abuser.phase = Phase::over;
    if (abuser.mode == AbuseMode::rst && end_ == TimePoint::max()) { // it is opened again
        abuser.session = new_session(id);
        abuser.phase = Phase::waiting;
        connector_.replace(id);
        abuser.received = 0;
        ++abuser.attempt;
        next_reset_ = std::max(now, next_reset_ + reset_spacing_); // one by one, not in bursts
        actions_[index(abuser.mode)].add(next_reset_, {id, abuser.attempt});
    }
}

void AbuseLoop::finish(TimePoint now) {
    for (std::uint32_t id = 0; id < abusers_.size(); ++id) {
        if (abusers_[id].phase == Phase::open) {
            ++counts(abusers_[id]).open_at_end;
            close(id, now);
        }
    }
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        AbuseCounts& counts = result_[mode];
        counts.echoed = tallies_[mode].messages.verified;
        counts.wrong = tallies_[mode].mismatches;
        std::vector<Duration>& times = open_times_[mode];
        if (!times.empty()) {
            const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
            std::nth_element(times.begin(), middle, times.end());
            counts.median_open = *middle;
        }
    }
}

} // namespace echoload
