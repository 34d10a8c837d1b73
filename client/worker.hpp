// SPDX-License-Identifier: MIT
// One event loop of the load generator, with connections of its own.
#pragma once

#include "client/deadlines.hpp"
#include "client/orders.hpp"
#include "client/payload.hpp"
#include "client/plan.hpp"
#include "client/schedule.hpp"
#include "client/session.hpp"
#include "client/split.hpp"
#include "client/tally.hpp"
#include "net/epoll.hpp"
#include "net/event_fd.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// How long to wait before a connection is tried again that the kernel had no place for (EAGAIN of
/// connect(2): the backlog of a unix socket is full).
inline constexpr Duration kConnectRetry = std::chrono::milliseconds(5);

/// Where connections go: a name as it was given, and every address it has.
struct Target {
    std::string name;
    std::vector<echod::Endpoint> addresses;
};

/// What a loop's thread took of a processor during the measured part.
struct LoopUse {
    Duration user{};
    Duration system{};
    Duration wall{};
    Duration polled{};       ///< of wall, when an open loop looked for what comes and nothing did
    Duration longest_turn{}; ///< what had come at its beginning waited up to so long
    Duration turns_total{};  ///< time in turns that had something to do
    std::uint64_t turns = 0; ///< so many of these
    std::optional<Duration> lag_p99; ///< open loop: how late it came to messages
    std::optional<Duration> lag_max;

    /// Shares of one processor: all that it took, and what of that was work.
    [[nodiscard]] double share() const noexcept { return of_wall(user + system); }
    [[nodiscard]] double work_share() const noexcept { return of_wall(user + system - polled); }

    [[nodiscard]] std::optional<Duration> mean_turn() const noexcept {
        return turns == 0 ? std::nullopt
                          : std::optional(turns_total / static_cast<std::int64_t>(turns));
    }

private:
    [[nodiscard]] double of_wall(Duration used) const noexcept {
        return wall <= Duration::zero() || used <= Duration::zero()
                   ? 0
                   : std::chrono::duration<double>(used) / wall;
    }
};

/// What a loop has to say when it is over.
struct WorkerResult {
    Tally tally;
    std::uint32_t peak = 0;          ///< connections up at the same time
    std::uint32_t not_tried = 0;     ///< connections not opened, or given up while connecting
    std::optional<TimePoint> ramped; ///< when each connection was up or had failed
    std::optional<TimePoint> last_measured;    ///< when the last echo of the rate was complete
    std::optional<TimePoint> last_due;         ///< open loop: of the last measured message
    std::optional<std::uint64_t> sent_in_time; ///< open loop: measured messages, of the schedule
    std::uint64_t undealt = 0;  ///< open loop: due when no connection was left, and so never sent
    std::optional<LoopUse> use; ///< where the measured part began
    std::vector<Mismatch> mismatches;
};

/// What happened in one interval.
struct WorkerInterval {
    Tally tally;
    std::uint32_t open = 0; ///< connections up at its end
};

/// Opens connections, sends on them, verifies what comes back and counts, by one edge-triggered
/// epoll instance. Several run side by side and share nothing but the Orders; what others may call
/// while run() goes on is marked "any thread".
class Worker {
public:
    /// Throws std::system_error. `generator`, `targets`, `orders` and `notice` outlive the worker;
    /// `notice` is signalled where the runner should look at ramped(), found_wrong() or
    /// take_interval().
    Worker(const WorkerPlan& plan, const Generator& generator, const std::vector<Target>& targets,
           const Orders& orders, echod::EventFd& notice, TimePoint start);

    /// Runs until the orders are fulfilled or no connection is left. Throws where the machine
    /// gives out (std::bad_alloc, std::system_error).
    void run();

    /// Makes the loop look at its orders. Any thread.
    void wake() noexcept { wake_.signal(); }

    /// Each connection is up or has failed. Any thread.
    [[nodiscard]] bool ramped() const noexcept { return ramped_.load(std::memory_order_acquire); }

    /// What was to be measured is answered or given up. Any thread.
    [[nodiscard]] bool answered() const noexcept {
        return answered_.load(std::memory_order_acquire);
    }

    /// A wrong echo came. Any thread.
    [[nodiscard]] bool found_wrong() const noexcept {
        return found_wrong_.load(std::memory_order_acquire);
    }

    /// What happened in the intervals since the last call; nothing where none is over. Any thread.
    [[nodiscard]] std::optional<WorkerInterval> take_interval();

    /// Once run() has returned: whether a connection was ever up.
    [[nodiscard]] bool was_up() const noexcept { return result_.peak != 0; }

    /// Once run() has returned: counts what the schedule of an open loop had up to `end` and nobody
    /// was there to send, as due and unsent, at its age then.
    void count_undealt(TimePoint end);

    /// The result, once run() has returned; call it once.
    [[nodiscard]] WorkerResult take_result() { return std::move(result_); }

private:
    struct Slot {
        Session session;
        std::uint32_t generation = 0; ///< of its descriptor: a stale event is of an older one
        std::uint32_t thinking = 0;   ///< messages that wait for the end of a pause
        std::uint16_t target = 0;
        std::uint16_t address = 0; ///< of the target's, the one being tried
        bool ready = false;        ///< in ready_
        bool hung_up = false;      ///< end of file or an error waits behind the bytes
        bool dealt = false;        ///< in dealt_
        bool in_turn = false;      ///< in turns_
        bool replaces = false;     ///< another connection, which has served its messages
    };
    struct Due {
        TimePoint when;
        bool measured;
    };
    /// The pause of a connection after so many echoes.
    struct Thought {
        TimePoint until;
        std::uint32_t id;
        std::uint32_t generation;
        std::uint32_t count;
    };
    struct Retry {
        std::uint32_t id;
        TimePoint when;
    };

    static constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};

    void obey(TimePoint now);
    void begin_measuring(TimePoint now);
    void end_measuring(TimePoint now) noexcept;
    void note_turn(TimePoint now) noexcept;
    void note_answered(TimePoint now) noexcept;
    void stop_sending(TimePoint now);
    void give_up();
    [[nodiscard]] bool finished() const noexcept;
    [[nodiscard]] Duration time_to_sleep(TimePoint now) const noexcept;
    void note_ramp(TimePoint now) noexcept;
    void hand_over_interval(TimePoint now);
    void finish(TimePoint now);
    void add_up();

    void begin_schedule();
    void deal(TimePoint now);
    template <class Count>
    static void run_out(Arrivals& arrivals, TimePoint last, Count count);
    void give(std::uint32_t id, const Due& due);
    void take_turns(std::uint32_t id);
    void drop_backlog(TimePoint now) noexcept;
    void end_schedule(TimePoint now);
    [[nodiscard]] TimePoint end_of_catching_up() const noexcept;
    void grant_due(Session& session);
    [[nodiscard]] std::optional<std::uint32_t> next_in_turn();
    [[nodiscard]] TimePoint wake_for_schedule() const noexcept;

    void after_echo(std::uint32_t id);
    void half_close_if_done(std::uint32_t id);
    void begin_to_end();
    [[nodiscard]] bool last_look(std::uint32_t id);
    void retire(std::uint32_t id, TimePoint now);
    void settle_first_opening(const Slot& slot) noexcept;
    void reopen_due(TimePoint now);

    void open_due(TimePoint now);
    void open(std::uint32_t id);
    void connect_failed(std::uint32_t id, Phase phase, int error, TimePoint now);
    void established(std::uint32_t id, TimePoint now);
    void expire(TimePoint now);

    void handle(const epoll_event& event);
    void make_ready(std::uint32_t id);
    void serve_ready();
    void receive(std::uint32_t id);
    [[nodiscard]] bool take_bytes(std::uint32_t id, std::span<const std::byte> bytes);
    [[nodiscard]] bool in_window(TimePoint now) const noexcept;
    [[nodiscard]] ReceiveTime receive_time() const noexcept;
    template <class Look>
    [[nodiscard]] bool look(std::uint32_t id, TimePoint now, Look look_at);
    void settle_suspects(TimePoint now);
    [[nodiscard]] bool settle(std::uint32_t id, TimePoint now);
    [[nodiscard]] std::optional<Neighbour> neighbour(std::uint32_t index) const;
    void refill(Slot& slot);
    void refill_specially(Slot& slot);
    void grant(Slot& slot, std::uint64_t outstanding);
    void think(std::uint32_t id, std::uint64_t echoes, TimePoint now);
    void end_thoughts(TimePoint now);
    void send(std::uint32_t id);
    void closed_by_peer(std::uint32_t id);
    void fail(std::uint32_t id, Phase phase, int error, Ending ending);
    void take_down(std::uint32_t id, Ending ending, TimePoint now);
    void hand_on(std::uint32_t id);

    const WorkerPlan plan_;
    const bool plain_; ///< a closed loop where an echo always makes room for a message
    const Generator& generator_;
    const Verifier verifier_;
    const std::vector<Target>& targets_;
    const Orders& orders_;
    echod::EventFd& notice_;
    echod::EventFd wake_;
    echod::Epoll epoll_;

    std::vector<Slot> slots_;
    ConnectSchedule connects_;
    SendSchedule sends_;
    std::optional<Arrivals> arrivals_; ///< of an open loop
    std::deque<std::uint32_t> turns_;  ///< open loop: who gets the next message, and so on
    std::vector<std::uint32_t> dealt_; ///< open loop: those that got one in this turn
    std::deque<Thought> thoughts_;     ///< in the order of time
    std::deque<Due> backlog_;          ///< open loop: due while no connection could take them
    std::deque<std::uint32_t> reopen_; ///< whose connection is to be replaced
    std::uint64_t next_connection_;    ///< the number of the next replacement
    Deadlines deadlines_;
    std::deque<Retry> retries_;       ///< connects that met a full backlog, in order of time
    std::deque<std::uint32_t> ready_; ///< to be served again before the loop sleeps
    std::deque<Retry> suspects_;      ///< sessions to be settled, in order of time
    std::vector<std::byte> receive_buffer_;
    std::vector<std::byte> send_buffer_;
    std::span<std::byte> send_room_; ///< what of send_buffer_ a send call may fill
    bool cuts_sends_;                ///< --split or --coalesce

    TimePoint measure_from_ = Orders::kNever;
    TimePoint stop_at_ = Orders::kNever;
    TimePoint next_interval_ = Orders::kNever;
    TimePoint drain_until_ = Orders::kNever;
    TimePoint woke_ = Orders::kNever; ///< when the wait returned with events, until they are done
    TimePoint polling_since_ = Orders::kNever; ///< when a turn began in which there was nothing
    bool dealt_something_ = false;             ///< in this turn
    TimePoint measuring_since_ = Orders::kNever;
    LoopUse use_; ///< since then; until it ends `user` and `system` are those at its beginning
    bool measuring_ = false;
    bool stopping_ = false;
    bool abandoned_ = false;
    bool ending_ = false;   ///< nothing will be granted any more
    std::uint32_t ramping_; ///< connections opened for the first time, or to be
    std::uint32_t connecting_ = 0;
    std::uint32_t open_ = 0;
    std::uint64_t outstanding_ = 0; ///< messages granted and unanswered, of all connections
    std::uint64_t waiting_ = 0;     ///< open loop: due and not granted, of all connections

    Tally current_; ///< since the last interval
    WorkerResult result_;
    std::atomic<bool> ramped_{false};
    std::atomic<bool> answered_{false};
    std::atomic<bool> found_wrong_{false};

    std::mutex interval_mutex_;
    WorkerInterval interval_;   ///< guarded by interval_mutex_
    bool has_interval_ = false; ///< guarded by interval_mutex_
};

} // namespace echoload
