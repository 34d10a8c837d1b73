// SPDX-License-Identifier: MIT
#include "client/abuse_loop.hpp"

#include "base/sys_error.hpp"

#include <algorithm>
#include <exception>

// The loop is edge-triggered and shares nothing with those of the load but the processors. What it
// takes of these must not pass for the server's doing: connections are opened, and reset, at a
// steady pace and not in bursts.

namespace echoload {

using echod::Clock;

namespace {

// Payload bytes of a message by mode; garbage is one payload without a header.
constexpr PerAbuseMode<std::uint32_t> kPayload = {56, 8, 8, 8, 56, 1016, 56, 1016};

constexpr double kOpensPerSecond = 2000;
// Of all connections of the mode, and of each.
constexpr Duration kLeastResetSpacing = std::chrono::milliseconds(1);
constexpr Duration kResetInterval = std::chrono::milliseconds(100);
constexpr Duration kGrace = std::chrono::seconds(1);
constexpr Duration kEndCheck = std::chrono::milliseconds(10);
constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};
constexpr std::size_t kBuffer = 16 * 1024;

PerAbuseMode<Generator> make_generators(std::uint64_t seed) {
    const auto make = [seed](std::size_t mode) {
        return Generator(seed, SizeLaw::parse("fixed:" + std::to_string(kPayload[mode])));
    };
    return {make(0), make(1), make(2), make(3), make(4), make(5), make(6), make(7)};
}

bool reads_at_once(AbuseMode mode) {
    return mode != AbuseMode::slow_read && mode != AbuseMode::never_read;
}

} // namespace

AbuseLoop::AbuseLoop(const Options& asked, const std::vector<Target>& targets)
    : timeout_(asked.timeout), source_(asked.source),
      first_source_((asked.connections + targets.size() - 1) / targets.size()), targets_(targets),
      generators_(make_generators(asked.seed)), buffer_(kBuffer) {
    const AbuseOptions& options = asked.abuse;
    // One of each cohort in turn, so that all are there soon.
    const std::uint32_t most =
        *std::max_element(options.connections.begin(), options.connections.end());
    for (std::uint32_t k = 0; k < most; ++k) {
        for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
            if (k < options.connections[mode]) {
                abusers_.push_back({new_session(static_cast<std::uint32_t>(abusers_.size())),
                                    static_cast<AbuseMode>(mode)});
                abusers_.back().target = static_cast<std::uint16_t>(k % targets.size());
                ++result_[mode].asked;
            }
        }
    }
    const std::uint32_t resetting = options.connections[static_cast<std::size_t>(AbuseMode::rst)];
    reset_spacing_ = std::max(kLeastResetSpacing, kResetInterval / std::max(resetting, 1U));
    if (const int error = epoll_.add(wake_.fd(), EPOLLIN, kWakeToken); error != 0) {
        echod::throw_errno(error, "epoll_ctl");
    }
    thread_ = std::thread([this] {
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

// The stream does not depend on the law of sizes, so that any of the generators names it.
Session AbuseLoop::new_session(std::uint32_t id) const noexcept {
    const std::uint64_t connection = kFirstAbuser + id;
    return {connection, generators_[0].stream(connection)};
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
        obey(now);
        if (end_ != TimePoint::max() && (now >= end_ || all_answered())) {
            break;
        }
        open_due(now);
        tick(now);
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

// Once it is to stop, nothing new is done, and those that read slowly make up for it.
void AbuseLoop::obey(TimePoint now) {
    if (end_ != TimePoint::max() || !stopping_.load(std::memory_order_acquire)) {
        return;
    }
    end_ = now + kGrace;
    for (auto& list : due_) {
        list.clear();
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
    TimePoint until = end_;
    if (end_ != TimePoint::max()) {
        until = std::min(until, now + kEndCheck);
    } else if (opened_ != abusers_.size()) {
        until = start_ + Duration(static_cast<std::int64_t>(1e9 * static_cast<double>(opened_) /
                                                            kOpensPerSecond));
    }
    for (const auto& list : due_) {
        until = std::min(until, list.empty() ? until : list.front().when);
    }
    until = std::min(until, retries_.empty() ? until : retries_.front().when);
    until = std::min(until, connecting_.empty() ? until : connecting_.front().when);
    return std::clamp<Duration>(until - now, Duration::zero(), std::chrono::hours(1));
}

void AbuseLoop::open_due(TimePoint now) {
    const double due = echod::to_seconds(now - start_) * kOpensPerSecond;
    while (end_ == TimePoint::max() && opened_ != abusers_.size() &&
           static_cast<double>(opened_) <= due) {
        open(static_cast<std::uint32_t>(opened_++), now);
    }
}

void AbuseLoop::tick(TimePoint now) {
    const auto take = [now](std::deque<Due>& list) -> std::optional<Due> {
        if (list.empty() || list.front().when > now) {
            return std::nullopt;
        }
        const Due due = list.front();
        list.pop_front();
        return due;
    };
    while (const auto due = take(connecting_)) {
        const Abuser& abuser = abusers_[due->id];
        if (abuser.attempt == due->attempt && abuser.phase == Phase::connecting) {
            connect_failed(due->id, now);
        }
    }
    while (const auto due = take(retries_)) {
        const Abuser& abuser = abusers_[due->id];
        if (abuser.attempt == due->attempt && abuser.phase == Phase::connecting) {
            open(due->id, now);
        }
    }
    for (auto& list : due_) {
        while (const auto due = take(list)) {
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
    if (abuser.generation != event.data.u64 >> 32U || abuser.phase == Phase::over) {
        return; // of a descriptor that is closed already
    }
    if (abuser.phase == Phase::connecting) {
        established(id, now);
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
