// SPDX-License-Identifier: MIT
// The loops of a run, each in a thread of its own.
#pragma once

#include "client/load/worker.hpp"
#include "client/measure/live_targets.hpp"
#include "client/result/live_interval.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace echoload {

/// Owns the workers and their threads. Everything is called from the thread that made it.
class Loops {
public:
    /// `control` and `notice` outlive it; `notice` is signalled where a loop ended or has something
    /// to be read.
    Loops(RunControl& control, echod::EventFd& notice) noexcept
        : control_(control), notice_(notice) {}

    /// Abandons the run and waits for the threads: they use what outlives the loops.
    ~Loops();
    Loops(const Loops&) = delete;
    Loops& operator=(const Loops&) = delete;

    /// Starts a loop for each plan. `generator` and `targets` outlive the loops. Throws
    /// std::system_error, or NotPossible where a thread cannot be started.
    void start(const std::vector<WorkerPlan>& plans, const Generator& generator,
               const std::vector<Target>& targets, TimePoint start);

    /// Makes each loop read its RunControl.
    void wake_all();

    [[nodiscard]] bool all_ended() const;
    [[nodiscard]] bool all_ramped() const;   ///< or ended
    [[nodiscard]] bool all_answered() const; ///< or ended

    /// A wrong echo ends the run, and so does a loop that failed.
    [[nodiscard]] bool any_gave_up() const;

    /// Adds to `interval.tally` the part of each loop that reported since the last call. True, with
    /// `interval.open` and what it has of targets set, once each loop that still runs has reported.
    [[nodiscard]] bool collect_interval(LiveInterval& interval);

    /// The outages up to the last interval; nothing without --reconnect, and before start().
    [[nodiscard]] std::optional<Outages> outages() const {
        return targets_ ? targets_->outages() : std::nullopt;
    }

    /// Waits for the threads. What follows may be called only after it.
    void join();

    [[nodiscard]] bool any_was_up() const;

    /// Counts the messages due before `end`, the end of the run, that no loop was left to send.
    void count_unassigned(TimePoint end);

    /// Hands each loop's result to `sink`; call it once. Returns why a loop failed, or nothing.
    [[nodiscard]] std::string take_results(const std::function<void(WorkerResult)>& sink);

private:
    struct Loop {
        std::unique_ptr<Worker> worker;
        std::thread thread;
        std::string failure; ///< written by the thread, read once it has ended
        std::atomic<bool> ended{false};
        bool reported = false;  ///< its part of the interval has been collected
        std::uint32_t open = 0; ///< connections up at the end of the last interval

        [[nodiscard]] bool has_ended() const noexcept {
            return ended.load(std::memory_order_acquire);
        }
    };

    void run(Loop& loop) noexcept;

    RunControl& control_;
    echod::EventFd& notice_;
    std::vector<std::unique_ptr<Loop>> loops_;
    std::optional<LiveTargets> targets_; ///< from start() on
};

} // namespace echoload
