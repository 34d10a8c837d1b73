// SPDX-License-Identifier: MIT
#include "client/runner.hpp"

#include "base/sys_error.hpp"
#include "client/abuse_loop.hpp"
#include "client/plan.hpp"
#include "net/epoll.hpp"
#include "net/event_fd.hpp"
#include "net/signal_fd.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <memory>
#include <thread>

// The phases of a run, all of them decided here and told to the loops through Orders:
//
//   ramp-up    until each connection is up or has failed. With -d, those that are up exchange
//              messages already; with -n they wait, so that all N messages are spread over all.
//   warm-up    --warmup: as after it, but not measured.
//   measured   -d or -n. A message belongs to it by the time it is granted.
//   drain      nothing new is sent; what is in flight is answered or times out.
//
// The loops run in threads of their own and this one sleeps: it reads signals, passes intervals on
// and moves the phases.

namespace echoload {

using echod::Clock;

namespace {

// How long the first SIGINT or SIGTERM waits for what is in flight.
constexpr Duration kInterruptGrace = std::chrono::seconds(1);

class Run {
public:
    Run(const Options& options, const std::vector<Target>& targets,
        std::optional<Duration> interval, const LiveSink& live);
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    RunResult conduct();

private:
    struct Loop {
        std::unique_ptr<Worker> worker;
        std::thread thread;
        std::string failure; ///< written by the thread, read once it has ended
        std::atomic<bool> ended{false};
        bool reported = false;  ///< its part of the interval is in live_interval_
        std::uint32_t open = 0; ///< connections up at the end of the last one
    };

    void start_loops();
    void look_at_signals();
    void look_at_loops();
    void pass_interval();
    [[nodiscard]] TimePoint look_at_window(TimePoint now);
    void begin_measuring(TimePoint now);
    [[nodiscard]] std::optional<Duration> measured_until(TimePoint now) const noexcept;
    void wake_all();
    RunResult collect();
    void count_undealt();
    void note_rate(std::optional<TimePoint> last_due, std::uint64_t sent);
    void collect_abuse();
    void keep_mismatches(const std::vector<Mismatch>& mismatches);

    const Options& options_;
    const std::vector<Target>& targets_;
    const std::optional<Duration> interval_;
    const LiveSink& live_;
    const Generator generator_;
    echod::SignalFd signals_{SIGINT, SIGTERM, SIGUSR1};
    echod::EventFd notice_;
    echod::Epoll epoll_;
    Orders orders_;
    const TimePoint start_ = Clock::now();
    TimePoint last_interval_ = start_;
    LiveInterval live_interval_; ///< what the loops have handed over of the current one
    TimePoint abandon_at_ = Orders::kNever;
    bool measuring_ = false; ///< and told so
    bool measured_ = false;
    std::vector<std::unique_ptr<Loop>> loops_;
    std::optional<AbuseLoop> abuse_;
    bool all_ended_ = false;
    bool all_answered_ = false; ///< or ended
    RunResult result_;
};

Run::Run(const Options& options, const std::vector<Target>& targets,
         std::optional<Duration> interval, const LiveSink& live)
    : options_(options), targets_(targets), interval_(interval), live_(live),
      generator_(options.seed, options.sizes) {
    result_.started = std::chrono::system_clock::now();
    for (const int fd : {signals_.fd(), notice_.fd()}) {
        if (const int error = epoll_.add(fd, EPOLLIN, static_cast<std::uint64_t>(fd)); error != 0) {
            echod::throw_errno(error, "epoll_ctl");
        }
    }
}

// Where something throws meanwhile, the loops end before what they use does.
Run::~Run() {
    orders_.abandon();
    for (const auto& loop : loops_) {
        if (loop->thread.joinable()) {
            loop->worker->wake();
            loop->thread.join();
        }
    }
}

void Run::start_loops() {
    if (options_.abuse.total() != 0) {
        abuse_.emplace(options_, targets_);
    }
    for (const WorkerPlan& plan : divide(options_, interval_)) {
        auto loop = std::make_unique<Loop>();
        loop->worker =
            std::make_unique<Worker>(plan, generator_, targets_, orders_, notice_, start_);
        loops_.push_back(std::move(loop));
    }
    for (const auto& each : loops_) {
        each->thread = std::thread([this, &own = *each] {
            try {
                own.worker->run();
            } catch (const std::exception& error) {
                own.failure = error.what();
            }
            own.ended.store(true, std::memory_order_release);
            notice_.signal();
        });
    }
}

void Run::wake_all() {
    for (const auto& loop : loops_) {
        loop->worker->wake();
    }
}

void Run::look_at_signals() {
    while (const auto signal = signals_.next()) {
        const TimePoint now = Clock::now();
        if (*signal == SIGUSR1) {
            if (live_.snapshot) {
                live_.snapshot();
            }
            continue;
        }
        if (result_.signal != 0) {
            orders_.abandon();
        } else {
            result_.signal = *signal;
            orders_.stop_at(std::min(orders_.stop_at(), now));
            abandon_at_ = now + std::min(kInterruptGrace, options_.timeout);
        }
        wake_all();
    }
}

void Run::begin_measuring(TimePoint now) {
    const TimePoint from = now + options_.warmup;
    orders_.measure_from(from);
    if (options_.duration) {
        orders_.stop_at(from + *options_.duration);
    }
    wake_all();
}

void Run::look_at_loops() {
    notice_.clear();
    pass_interval();
    const auto all = [this](auto predicate) {
        return std::all_of(loops_.begin(), loops_.end(),
                           [&](const auto& loop) { return predicate(*loop); });
    };
    const auto ended = [](const Loop& loop) { return loop.ended.load(std::memory_order_acquire); };
    all_ended_ = all(ended);
    all_answered_ = all([&](const Loop& loop) { return loop.worker->answered() || ended(loop); });
    if (orders_.measure_from() == Orders::kNever && result_.signal == 0 &&
        all([&](const Loop& loop) { return loop.worker->ramped() || ended(loop); })) {
        begin_measuring(Clock::now());
    }
    const auto gives_up = [&](const auto& loop) {
        return loop->worker->found_wrong() || (ended(*loop) && !loop->failure.empty());
    };
    if (!orders_.abandoned() && std::any_of(loops_.begin(), loops_.end(), gives_up)) {
        orders_.abandon();
        wake_all();
    }
}

std::optional<Duration> Run::measured_until(TimePoint now) const noexcept {
    const TimePoint from = orders_.measure_from();
    const TimePoint to = std::min(orders_.stop_at(), now);
    return from < to ? std::optional<Duration>(to - from) : std::nullopt;
}

// An interval is told once every loop that still runs has handed over its part.
void Run::pass_interval() {
    bool complete = true;
    bool any = false;
    for (const auto& loop : loops_) {
        if (const auto part = loop->worker->take_interval()) {
            live_interval_.tally.merge(part->tally);
            loop->open = part->open;
            loop->reported = true;
        }
        const bool ended = loop->ended.load(std::memory_order_acquire);
        loop->open = ended && !loop->reported ? 0 : loop->open;
        any = any || loop->reported;
        complete = complete && (loop->reported || ended);
    }
    if (!any || !complete) {
        return;
    }
    const TimePoint now = Clock::now();
    live_interval_.at = now - start_;
    live_interval_.length = now - last_interval_;
    live_interval_.open = 0;
    for (const auto& loop : loops_) {
        live_interval_.open += loop->open;
        loop->reported = false;
    }
    live_interval_.measured = measured_until(now);
    live_interval_.open_loop = options_.pace.has_value();
    if (live_.interval) {
        live_.interval(live_interval_);
    }
    live_interval_.tally.clear();
    last_interval_ = now;
}

// Says when the measured part begins and ends; when to look again.
TimePoint Run::look_at_window(TimePoint now) {
    if (!measuring_) {
        if (now < orders_.measure_from()) {
            return orders_.measure_from();
        }
        measuring_ = true;
        if (live_.begins) {
            live_.begins();
        }
    }
    if (!measured_) {
        if (now < orders_.stop_at() && !all_answered_) {
            return orders_.stop_at();
        }
        measured_ = true;
        if (live_.ends) {
            live_.ends();
        }
    }
    return Orders::kNever;
}

RunResult Run::conduct() {
    start_loops();
    std::array<epoll_event, 2> events{};
    while (!all_ended_) {
        const TimePoint now = Clock::now();
        if (now >= abandon_at_ && !orders_.abandoned()) {
            orders_.abandon();
            wake_all();
        }
        const TimePoint next =
            std::min(look_at_window(now), now < abandon_at_ ? abandon_at_ : Orders::kNever);
        std::optional<Duration> wait;
        if (next != Orders::kNever) {
            wait = next - now;
        }
        const int count = epoll_.wait(events, wait);
        for (int i = 0; i < count; ++i) {
            if (events[static_cast<std::size_t>(i)].data.u64 ==
                static_cast<std::uint64_t>(signals_.fd())) {
                look_at_signals();
            } else {
                look_at_loops();
            }
        }
    }
    return collect();
}

// The schedule is as long as was asked, however soon the run was over; a signal alone cuts it.
// Without a duration it has no length of its own: it is as long as its messages are at the rate, or
// at random arrivals until the last of them is due. Where a signal came before the first one was,
// there is no rate.
void Run::note_rate(std::optional<TimePoint> last_due, std::uint64_t sent) {
    if (!options_.pace || (options_.messages && !last_due)) {
        return;
    }
    const TimePoint to =
        options_.messages ? std::min(*last_due, orders_.stop_at()) : orders_.stop_at();
    const auto due = static_cast<double>(result_.tally.messages.measured_due);
    double seconds = echod::to_seconds(to - orders_.measure_from());
    if (options_.messages && options_.arrival == Arrival::constant) {
        seconds = due / options_.pace->first;
    }
    if (seconds > 0) {
        result_.rate = RateKept{due / seconds, static_cast<double>(sent) / seconds};
    }
}

// Loops whose connections are gone have left their part of the schedule. Not where it was given up:
// after a wrong echo, or with no connection at all.
void Run::count_undealt() {
    const bool up = std::any_of(loops_.begin(), loops_.end(),
                                [](const auto& loop) { return loop->worker->was_up(); });
    if (up && (!orders_.abandoned() || result_.signal != 0)) {
        for (const auto& loop : loops_) {
            loop->worker->count_undealt(orders_.stop_at());
        }
    }
}

RunResult Run::collect() {
    const TimePoint end = Clock::now();
    result_.elapsed = end - start_;
    (void)look_at_window(end);
    std::optional<TimePoint> ramped;
    std::optional<TimePoint> last_measured;
    std::optional<TimePoint> last_due;
    std::uint64_t sent_in_time = 0;
    for (const auto& loop : loops_) {
        loop->thread.join();
    }
    count_undealt();
    pass_interval(); // what was left at the end
    for (const auto& loop : loops_) {
        WorkerResult part = loop->worker->take_result();
        result_.tally.merge(part.tally);
        result_.peak += part.peak;
        result_.not_tried += part.not_tried;
        result_.undealt += part.undealt;
        if (part.use) {
            part.use->lag_p99 = part.tally.lag.percentile(99);
            part.use->lag_max = part.tally.lag.max();
            result_.loops.push_back(*part.use);
        }
        keep_mismatches(part.mismatches);
        if (part.ramped) {
            ramped = std::max(ramped.value_or(*part.ramped), *part.ramped);
        }
        if (part.last_measured) {
            last_measured =
                std::max(last_measured.value_or(*part.last_measured), *part.last_measured);
        }
        if (part.last_due) {
            last_due = std::max(last_due.value_or(*part.last_due), *part.last_due);
        }
        sent_in_time += part.sent_in_time.value_or(part.tally.messages.measured_sent);
        if (result_.failure.empty()) {
            result_.failure = loop->failure;
        }
    }
    if (ramped) {
        result_.ramp_up = *ramped - start_;
    }
    // With -d the window ends when time is up, with -n at the last echo; before that if the run
    // did.
    const TimePoint from = orders_.measure_from();
    const TimePoint limit = options_.messages && last_measured ? *last_measured : end;
    const TimePoint to = std::min({orders_.stop_at(), limit, end});
    if (from < to && result_.tally.connections.up != 0) {
        result_.window = to - from;
        note_rate(last_due, sent_in_time);
    }
    collect_abuse();
    return std::move(result_);
}

void Run::collect_abuse() {
    if (!abuse_) {
        return;
    }
    abuse_->stop();
    result_.abuse = abuse_->result();
    keep_mismatches(abuse_->mismatches());
    if (result_.failure.empty()) {
        result_.failure = abuse_->failure();
    }
}

void Run::keep_mismatches(const std::vector<Mismatch>& mismatches) {
    const std::size_t room = kMismatchesDescribed - result_.mismatches.size();
    const auto end =
        mismatches.begin() + static_cast<std::ptrdiff_t>(std::min(room, mismatches.size()));
    result_.mismatches.insert(result_.mismatches.end(), mismatches.begin(), end);
}

} // namespace

RunResult run(const Options& options, const std::vector<Target>& targets,
              std::optional<Duration> interval, const LiveSink& live) {
    return Run(options, targets, interval, live).conduct();
}

} // namespace echoload
