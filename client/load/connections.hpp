// SPDX-License-Identifier: MIT
// The sessions of a loop, and how they end.
#pragma once

#include "client/load/connector.hpp"
#include "client/load/echo_checker.hpp"
#include "client/load/loop_status.hpp"
#include "client/load/pacer.hpp"
#include "client/load/plan.hpp"
#include "client/load/recovery.hpp"
#include "client/load/run_control.hpp"
#include "client/load/session.hpp"
#include "client/load/target.hpp"
#include "client/measure/connection_use.hpp"
#include "client/measure/tally.hpp"
#include "client/message/payload.hpp"
#include "client/pace/deadlines.hpp"
#include "net/epoll.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace echoload {

/// A session and its state in the loop.
struct Slot {
    Session session;
    std::uint32_t thinking = 0; ///< messages that wait for the end of a pause
    std::uint16_t place = 0;    ///< of its address, among all of the targets
    bool ready = false;         ///< in the ready queue
    bool hung_up = false;       ///< end of file or an error is behind the bytes
};

/// Owns the sessions of a loop and what they share: the connector, the pacer, the checker, the
/// deadlines, the ready queue and the counts. It ends sessions: after an error, a timeout, the end
/// of file, the last message of a connection, and at the end of the run. Traffic opens them and
/// moves messages.
class Connections {
public:
    /// All references outlive it.
    Connections(const WorkerPlan& plan, const Generator& generator,
                const std::vector<Target>& targets, const RunControl& control, LoopStatus& status,
                echod::Epoll& epoll, TimePoint start);
    ~Connections() = default;
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    [[nodiscard]] Slot& operator[](std::uint32_t id) noexcept { return slots_[id]; }
    [[nodiscard]] std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(slots_.size());
    }

    [[nodiscard]] Connector& connector() noexcept { return connector_; }
    [[nodiscard]] const Connector& connector() const noexcept { return connector_; }
    [[nodiscard]] Pacer& pacer() noexcept { return pacer_; }
    [[nodiscard]] const Pacer& pacer() const noexcept { return pacer_; }
    [[nodiscard]] EchoChecker& checker() noexcept { return checker_; }
    [[nodiscard]] const EchoChecker& checker() const noexcept { return checker_; }

    /// Null without --reconnect.
    [[nodiscard]] Recovery* recovery() noexcept { return recovery_.get(); }

    /// What happened since they were cleared: of each address of the targets, and of no address.
    [[nodiscard]] std::vector<Tally>& tallies() noexcept { return tallies_; }

    /// What the connection `id` counts in, and what counts where there is no connection.
    [[nodiscard]] Tally& tally_of(std::uint32_t id) noexcept { return tallies_[slots_[id].place]; }
    [[nodiscard]] Tally& tally_of_none() noexcept { return tallies_.back(); }

    /// The latencies of each connection that was up, at the end; empty where connections are
    /// replaced.
    [[nodiscard]] std::vector<ConnectionUse> uses() const;

    /// Connections that are up, and the largest number of them at the same time.
    [[nodiscard]] std::uint32_t open() const noexcept { return open_; }
    [[nodiscard]] std::uint32_t peak() const noexcept { return peak_; }

    /// The connections of open() to each address of the targets.
    [[nodiscard]] std::span<const std::uint32_t> open_at() const noexcept { return open_at_; }

    /// Scratch space for a receive call.
    [[nodiscard]] std::span<std::byte> receive_buffer() noexcept { return receive_buffer_; }

    /// Connection `id` has a timeout from `now` on.
    void arm(std::uint32_t id, TimePoint now) noexcept { deadlines_.arm(id, now + plan_.timeout); }

    /// Connection `id` is to be served again before the loop sleeps.
    void make_ready(std::uint32_t id);

    /// Calls serve(id) for a bounded number of ready connections that are up.
    template <class Serve>
    void serve_ready(Serve&& serve) {
        for (std::size_t left = std::min(ready_.size(), kReadyPerTurn); left != 0; --left) {
            const std::uint32_t id = ready_.front();
            ready_.pop_front();
            slots_[id].ready = false;
            if (slots_[id].session.is_up()) {
                serve(id);
            }
        }
    }

    /// Hands connections that were lost or refused to the connector where it is time to open them
    /// again.
    void reopen_due(TimePoint now) {
        if (recovery_) [[unlikely]] {
            take_reopened(now);
        }
    }

    /// Connection `id` begins to connect, or a right echo came on it: for the outages.
    void note_opening(std::uint32_t id, TimePoint now) {
        if (recovery_) {
            recovery_->opens(id, connector_.target_of(id), now);
        }
    }
    void note_right(std::uint32_t id, TimePoint now) {
        recovery_->answered(id, connector_.target_of(id), now);
    }

    /// Counts a connection that is established.
    void note_up(std::uint32_t id, TimePoint now);

    /// Counts a failed attempt to connect, which the connector knows already, and ends the session.
    void connect_failed(std::uint32_t id, Phase phase, int error, TimePoint now);

    /// Applies the result of a comparison; there were `outstanding` messages before it. False where
    /// the session was ended.
    [[nodiscard]] bool follow(std::uint32_t id, VerifyState state, std::uint64_t outstanding,
                              TimePoint now) {
        pacer_.note_answered(outstanding - slots_[id].session.outstanding());
        if (state != VerifyState::failed) [[likely]] {
            return true;
        }
        end_failed(id, now);
        return false;
    }

    /// Ends sessions whose timeout is over, and settles those whose resync window is over.
    void expire(TimePoint now);

    /// Half-closes a connection that has sent all its messages; for --close half.
    void half_close_if_done(std::uint32_t id);

    /// recv(2) has returned the end of file.
    void closed_by_peer(std::uint32_t id);

    /// Closes a connection that has carried all its messages, and replaces it where more are to
    /// come.
    void retire(std::uint32_t id, TimePoint now);

    /// Counts an error of a connection that is up, and ends the session.
    void fail(std::uint32_t id, Phase phase, int error, Ending ending);

    /// The run is over at `now`: opens no connection and grants nothing any more.
    void stop(TimePoint now);

    /// Half-closes connections, where the plan says so, once nothing will be granted any more.
    void end_if_exhausted() {
        if (!ending_ && pacer_.all_dispatched()) {
            begin_to_end();
        }
    }

    /// Connections that have unanswered messages at `when` have timed out.
    void set_drain_limit(TimePoint when) noexcept { drain_until_ = when; }

    /// Where that time has come: ends them and abandons the run.
    void end_of_drain(TimePoint now) {
        if (now >= drain_until_) {
            give_up();
        }
    }

    /// The run ends at once.
    void abandon() noexcept { abandoned_ = true; }
    [[nodiscard]] bool abandoned() const noexcept { return abandoned_ || checker_.must_stop(); }

    /// Nothing is left to do.
    [[nodiscard]] bool finished() const noexcept {
        if (abandoned()) {
            return true;
        }
        return (open_ == 0 || (plan_.close != Close::half && pacer_.done())) && connector_.idle() &&
               !awaits_reopening();
    }

    /// When something is due next; TimePoint::min() where a connection is ready.
    [[nodiscard]] TimePoint next() const noexcept {
        if (has_ready()) {
            return TimePoint::min();
        }
        TimePoint next = std::min(connector_.next(), checker_.next());
        next = std::min(next, drain_until_);
        if (recovery_) {
            next = std::min(next, recovery_->next());
        }
        return std::min(next, deadlines_.next().value_or(RunControl::kNever));
    }
    [[nodiscard]] bool has_ready() const noexcept { return !ready_.empty(); }

    /// Ends all sessions at `now`.
    void close_all(TimePoint now);

private:
    static constexpr std::size_t kReadyPerTurn = 64;

    [[nodiscard]] bool settle(std::uint32_t id, TimePoint now);
    [[nodiscard]] bool read_rest(std::uint32_t id);
    void begin_to_end();
    void give_up();
    void end_failed(std::uint32_t id, TimePoint now);
    std::uint64_t take_down(std::uint32_t id, Ending ending, TimePoint now);
    void renew(std::uint32_t id);
    void take_reopened(TimePoint now);
    void recover(std::uint32_t id, std::uint64_t messages, const std::optional<ErrorCount>& error,
                 TimePoint now);
    [[nodiscard]] bool awaits_reopening() const noexcept {
        return recovery_ && !recovery_->is_empty() && !pacer_.all_dispatched();
    }
    void redistribute_unsent(std::uint32_t id);
    [[nodiscard]] std::optional<TimePoint> expire_one(std::uint32_t id, TimePoint now);
    [[nodiscard]] Tally& begin_counting(std::uint32_t id) noexcept;
    [[nodiscard]] std::optional<Neighbour> neighbour(std::uint32_t index) const;
    [[nodiscard]] std::uint64_t source_of(const Session& session) const noexcept;

    const WorkerPlan& plan_;
    const Generator& generator_;
    const std::size_t targets_; ///< how many
    Connector connector_;
    Pacer pacer_;
    std::unique_ptr<Recovery> recovery_;
    std::vector<Tally> tallies_;
    EchoChecker checker_;
    std::vector<Slot> slots_;
    std::vector<std::int32_t> ports_; ///< local ones, 0 of unix sockets; -1: never up
    std::uint64_t next_connection_;   ///< the number of the next replacement
    Deadlines deadlines_;
    std::deque<std::uint32_t> ready_;
    std::vector<std::byte> receive_buffer_;
    TimePoint drain_until_ = RunControl::kNever;
    bool abandoned_ = false;
    bool ending_ = false; ///< nothing will be granted any more
    std::uint32_t open_ = 0;
    std::vector<std::uint32_t> open_at_; ///< of open_: by place
    std::uint32_t peak_ = 0;
};

} // namespace echoload
