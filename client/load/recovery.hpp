// SPDX-License-Identifier: MIT
// Connections that were lost or refused and are opened again, and the outages that this shows.
#pragma once

#include "client/load/plan.hpp"
#include "client/load/target.hpp"
#include "client/measure/outage_tracker.hpp"
#include "client/pace/reconnects.hpp"
#include "client/pace/timed_queue.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// What --reconnect adds to the connections of a loop: when to open one again, until when, and the
/// outages. It knows no socket and reads no clock. A connection is named by its id in the loop and
/// the number of its target.
class Recovery {
public:
    /// A connection that is up for that long without a message to be answered is not waited for by
    /// the outage of its target.
    static constexpr Duration kIdle = std::chrono::seconds(1);

    /// `plan` and `targets` are used in the constructor alone.
    Recovery(const WorkerPlan& plan, const std::vector<Target>& targets, TimePoint start);

    /// Connection `id` begins to connect.
    void opens(std::uint32_t id, std::size_t target, TimePoint now) {
        outages_.opens(id, group_of_[target], now);
    }

    /// Connection `id` is up.
    void up(std::uint32_t id, TimePoint now);

    /// A right echo came on connection `id`.
    void answered(std::uint32_t id, std::size_t target, TimePoint now) {
        outages_.answered(id, group_of_[target], now);
        reconnects_.works(id);
    }

    /// Connection `id` was lost or refused; see OutageTracker::lost().
    void lost(std::uint32_t id, std::size_t target, std::uint64_t messages,
              const std::optional<ErrorCount>& error, TimePoint now) {
        outages_.lost(id, group_of_[target], messages, error, now);
    }

    /// Connections may be opened again at `now`.
    [[nodiscard]] bool may_retry(TimePoint now) const noexcept { return now < retry_until_; }

    /// Connection `id` is to be opened again.
    void retry(std::uint32_t id, TimePoint now) { reconnects_.add(id, now); }

    /// Removes and returns a connection that is to be opened again at `now`.
    [[nodiscard]] std::optional<std::uint32_t> take(TimePoint now) { return reconnects_.take(now); }

    /// Calls idle_at(id) for each connection that has been up for kIdle and interrupted for longer:
    /// the number of its target where it has no message to be answered, or nothing.
    template <class IdleAt>
    void note_idle(TimePoint now, IdleAt&& idle_at) {
        while (const auto id = up_.take(now)) {
            if (outages_.is_interrupted(*id)) {
                if (const std::optional<std::size_t> target = idle_at(*id)) {
                    outages_.idle(*id, group_of_[*target]);
                }
            }
        }
    }

    /// No connection is opened again from `when` on.
    void stop_at(TimePoint when) noexcept {
        stopping_ = true;
        expired_ = false;
        retry_until_ = when;
    }

    /// Drops what waits, where that time has come. Whether it has come in this call.
    [[nodiscard]] bool expire(TimePoint now) noexcept;

    /// No connection waits to be opened again.
    [[nodiscard]] bool is_empty() const noexcept { return reconnects_.empty(); }

    /// When take(), note_idle() or expire() have something to do next.
    [[nodiscard]] TimePoint next() const noexcept;

    /// As OutageTracker::take_interval().
    [[nodiscard]] LoopOutages take_interval(TimePoint now) { return outages_.take_interval(now); }

    /// The outages, those that last until `now` included; call it once.
    [[nodiscard]] Outages finish(TimePoint now) { return outages_.finish(now); }

private:
    std::vector<std::size_t> group_of_; ///< of each target: those of the same name are one
    Reconnects reconnects_;
    OutageTracker outages_;
    TimedQueue<std::uint32_t> up_; ///< interrupted connections that are up
    TimePoint retry_until_;
    bool stopping_ = false;
    bool expired_ = false;
};

} // namespace echoload
