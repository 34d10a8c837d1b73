// SPDX-License-Identifier: MIT
#include "client/run/runner.hpp"

#include "base/sys_error.hpp"
#include "client/abuse/abuse_loop.hpp"
#include "client/load/plan.hpp"
#include "client/result/stop_signals.hpp"
#include "client/run/abort_watch.hpp"
#include "client/run/loops.hpp"
#include "client/run/phases.hpp"
#include "client/run/result_sum.hpp"
#include "net/epoll.hpp"
#include "net/event_fd.hpp"
#include "net/signal_fd.hpp"

#include <algorithm>
#include <array>
#include <csignal>

// The loops run in threads of their own and this one sleeps: it reads signals, passes intervals on
// and moves the phases.

namespace echoload {

using echod::Clock;

namespace {

// The connections of the load are numbered below it.
std::uint32_t numbers_of_load(const Options& options) {
    const std::uint64_t first = options.part ? options.part->first_connection : 0;
    return static_cast<std::uint32_t>(first + options.connections);
}

class Run {
public:
    Run(const Options& options, const std::vector<Target>& targets,
        std::optional<Duration> interval, const LiveSink& live, std::optional<WallTime> start_at);

    RunResult conduct();

private:
    void start(const std::vector<Target>& targets, std::optional<Duration> interval);
    void wait_and_handle(TimePoint now);
    void handle_signals();
    void handle_notice();
    void end_ramp_up();
    void pass_interval();
    RunResult collect();

    const Options& options_;
    const LiveSink& live_;
    const Generator generator_;
    const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
    echod::SignalFd signals_;
    echod::EventFd notice_;
    echod::Epoll epoll_;
    RunControl control_;
    Phases phases_;
    const TimePoint start_ = Clock::now();
    TimePoint last_interval_ = start_;
    LiveInterval live_interval_; ///< the loops' parts of the current one
    Loops loops_{control_, notice_};
    std::optional<AbuseLoop> abuse_;
    AbortWatch abort_watch_;
    std::optional<StartUse> start_use_;
};

Run::Run(const Options& options, const std::vector<Target>& targets,
         std::optional<Duration> interval, const LiveSink& live, std::optional<WallTime> start_at)
    : options_(options), live_(live), generator_(options.seed, options.sizes),
      signals_(
          stop_signals({.snapshots = true,
                        .hangup = options.outlives_hangup() ? Hangup::is_read : Hangup::ends})),
      phases_({options.warmup, options.duration, options.timeout}, control_, live),
      abort_watch_(options.abort_on, options.pace.has_value()) {
    for (const int fd : {signals_.fd(), notice_.fd()}) {
        if (const int error = epoll_.add(fd, EPOLLIN, static_cast<std::uint64_t>(fd)); error != 0) {
            echod::throw_errno(error, "epoll_ctl");
        }
    }
    if (start_at) {
        start_use_ = {*start_at, std::nullopt};
    }
    start(targets, interval);
}

void Run::start(const std::vector<Target>& targets, std::optional<Duration> interval) {
    if (options_.abuse.total() != 0) {
        const AbuseSetup setup{options_.abuse,
                               options_.seed,
                               options_.timeout,
                               options_.source,
                               numbers_of_load(options_),
                               options_.part ? options_.part->first_abuser : 0};
        abuse_.emplace(setup, targets);
    }
    loops_.start(divide(options_, interval), generator_, targets, start_);
}

void Run::handle_signals() {
    while (const auto signal = signals_.next()) {
        if (*signal == SIGUSR1) {
            if (live_.snapshot) {
                live_.snapshot(loops_.outages());
            }
        } else if (*signal == SIGHUP && options_.outlives_hangup()) {
            if (live_.reopen) {
                live_.reopen();
            }
        } else {
            phases_.interrupt(*signal, Clock::now());
            loops_.wake_all();
        }
    }
}

void Run::handle_notice() {
    notice_.clear();
    pass_interval();
    if (phases_.is_ramping_up() && phases_.signal() == 0 && loops_.all_ramped()) {
        end_ramp_up();
        loops_.wake_all();
    }
    if (!control_.abandoned() && loops_.any_gave_up()) {
        control_.abandon();
        loops_.wake_all();
    }
}

// A time of day is compared as late as possible: the clock may be set while connections are opened.
void Run::end_ramp_up() {
    const TimePoint now = Clock::now();
    if (!start_use_) {
        phases_.end_ramp_up(now);
        return;
    }
    const Duration ahead = start_use_->at - std::chrono::system_clock::now();
    start_use_->late = std::max(-ahead, Duration::zero());
    phases_.end_ramp_up(now, now + ahead);
}

// An interval is passed on once every loop that still runs has reported its part.
void Run::pass_interval() {
    if (!loops_.collect_interval(live_interval_)) {
        return;
    }
    const TimePoint now = Clock::now();
    live_interval_.at = now - start_;
    live_interval_.length = now - last_interval_;
    live_interval_.measured = phases_.measured_until(now);
    live_interval_.open_loop = options_.pace.has_value();
    live_interval_.reconnects = options_.reconnect;
    if (live_.interval) {
        live_.interval(live_interval_);
    }
    if (now < control_.stop_at() && !loops_.all_ended() && abort_watch_.add(live_interval_)) {
        phases_.end_early(now);
        loops_.wake_all();
    }
    live_interval_.tally.clear();
    last_interval_ = now;
}

void Run::wait_and_handle(TimePoint now) {
    const TimePoint next = phases_.next_deadline(now);
    std::optional<Duration> wait;
    if (next != RunControl::kNever) {
        wait = next - now;
    }
    std::array<epoll_event, 2> events{};
    const int count = epoll_.wait(events, wait);
    for (int i = 0; i < count; ++i) {
        if (events[static_cast<std::size_t>(i)].data.u64 ==
            static_cast<std::uint64_t>(signals_.fd())) {
            handle_signals();
        } else {
            handle_notice();
        }
    }
}

RunResult Run::conduct() {
    bool ended = false;
    while (!ended) {
        const TimePoint now = Clock::now();
        if (phases_.expire_grace(now)) {
            loops_.wake_all();
        }
        phases_.update(now, loops_.all_answered());
        wait_and_handle(now);
        ended = loops_.all_ended();
    }
    return collect();
}

RunResult Run::collect() {
    const TimePoint end = Clock::now();
    phases_.update(end, true);
    loops_.join();
    // Loops whose connections are gone have left their part of the schedule. It is not counted
    // where the run was given up: after a wrong echo, or with no connection at all.
    if (loops_.any_was_up() && (!control_.abandoned() || phases_.signal() != 0)) {
        loops_.count_unassigned(std::min(control_.stop_at(), end));
    }
    pass_interval(); // the rest of the last interval
    ResultSum sum(started_);
    sum.add_failure(loops_.take_results([&sum](const WorkerResult& part) { sum.add(part); }));
    if (abuse_) {
        abuse_->stop();
        sum.add_abuse(abuse_->result(), abuse_->mismatches());
        sum.add_failure(abuse_->failure());
    }
    RunResult result =
        sum.finish({options_.messages, options_.pace, options_.arrival},
                   {start_, control_.measure_from(), control_.stop_at(), end}, phases_.signal());
    result.aborted = abort_watch_.aborted();
    if (start_use_ &&
        std::min(control_.stop_at(), end) < control_.measure_from() - options_.warmup) {
        start_use_->late.reset(); // it ended before
    }
    result.start = start_use_;
    return result;
}

} // namespace

RunResult run(const Options& options, const std::vector<Target>& targets,
              std::optional<Duration> interval, const LiveSink& live,
              std::optional<WallTime> start) {
    return Run(options, targets, interval, live, start).conduct();
}

} // namespace echoload
