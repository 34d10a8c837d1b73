// SPDX-License-Identifier: MIT
// One event loop of the load generator, with connections of its own.
#pragma once

#include "client/load/connections.hpp"
#include "client/load/interval_publisher.hpp"
#include "client/load/loop_meter.hpp"
#include "client/load/loop_status.hpp"
#include "client/load/plan.hpp"
#include "client/load/run_control.hpp"
#include "client/load/target.hpp"
#include "client/load/traffic.hpp"
#include "client/measure/address_use.hpp"
#include "client/measure/tally.hpp"
#include "client/message/payload.hpp"
#include "client/result/loop_use.hpp"
#include "net/epoll.hpp"
#include "net/event_fd.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace echoload {

/// The result of one loop.
struct WorkerResult {
    Tally tally;            ///< the sum of those of the addresses, and of what had no connection
    std::uint32_t peak = 0; ///< connections up at the same time
    std::uint32_t not_tried = 0;     ///< connections not opened, or given up while connecting
    std::optional<TimePoint> ramped; ///< when each connection was up or had failed
    std::optional<TimePoint> last_measured;    ///< when the last echo of the window was complete
    std::optional<TimePoint> last_due;         ///< open loop: of the last measured message
    std::optional<std::uint64_t> sent_in_time; ///< open loop: measured messages sent on schedule
    std::uint64_t unassigned = 0; ///< open loop: due when no connection was left, and never sent
    std::optional<LoopUse> use;   ///< where the measured part began
    std::vector<Mismatch> mismatches;
    std::vector<AddressUse> addresses;
    RateCourse course;
    std::optional<Outages> outages;         ///< with --reconnect
    std::vector<ConnectionUse> connections; ///< empty where connections are replaced
};

/// Runs one edge-triggered epoll instance through the phases of a run: ramp-up, warm-up, measured
/// part, drain. Several workers run side by side and share nothing but the RunControl; functions
/// that other threads may call during run() are marked "any thread".
class Worker {
public:
    /// Throws std::system_error. `generator`, `targets`, `control` and `notice` outlive the worker;
    /// `notice` is signalled when ramped(), answered(), found_wrong() or take_interval() changes.
    Worker(const WorkerPlan& plan, const Generator& generator, const std::vector<Target>& targets,
           const RunControl& control, echod::EventFd& notice, TimePoint start);

    /// Runs until no connection is left: after RunControl's end and the drain, or at once where
    /// RunControl says that the run is abandoned. Throws std::bad_alloc or
    /// std::system_error where a resource of the machine is exhausted.
    void run();

    /// Makes the loop read its RunControl. Any thread.
    void wake() noexcept { wake_.signal(); }

    /// Each connection is up or has failed. Any thread.
    [[nodiscard]] bool ramped() const noexcept { return status_.ramped(); }

    /// All measured messages are answered or given up. Any thread.
    [[nodiscard]] bool answered() const noexcept { return status_.answered(); }

    /// A wrong echo came. Any thread.
    [[nodiscard]] bool found_wrong() const noexcept { return status_.found_wrong(); }

    /// The counts of the intervals since the last call; nothing where none is over. Any thread.
    [[nodiscard]] std::optional<WorkerInterval> take_interval() { return intervals_.take(); }

    /// After run(): a connection was up at some time.
    [[nodiscard]] bool was_up() const noexcept { return result_.peak != 0; }

    /// After run(): counts what is due in an open loop's schedule before `end`, the end of the run,
    /// and was left, as unsent.
    void count_unassigned(TimePoint end);

    /// The result, after run(); call it once.
    [[nodiscard]] WorkerResult take_result();

private:
    static constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};

    /// The end of a wait.
    struct Woken {
        int count;                                  ///< of events, or -errno
        std::optional<TimePoint> at = std::nullopt; ///< where the clock was read since
    };

    void begin_iteration(TimePoint now);
    void wait_and_handle(std::span<epoll_event> events, TimePoint now);
    [[nodiscard]] Woken poll_and_wait(std::span<epoll_event> events, TimePoint now, Duration sleep);
    void apply_control(TimePoint now);
    void begin_measuring(TimePoint now);
    void begin_schedule();
    [[nodiscard]] TimePoint warm_up_from() const noexcept;
    void run_schedule(TimePoint now);
    void stop_sending(TimePoint now);
    void note_ramped() noexcept;
    void note_answered(TimePoint now) noexcept;
    [[nodiscard]] Duration time_to_sleep(TimePoint now) const noexcept;
    void publish(TimePoint now);
    void finish(TimePoint now);
    void add_up();
    void move_tallies();
    [[nodiscard]] std::uint64_t measured_sent() noexcept;

    const WorkerPlan plan_;
    const RunControl& control_;
    LoopStatus status_;
    echod::EventFd wake_;
    echod::Epoll epoll_;
    Connections connections_;
    Traffic traffic_;
    LoopMeter meter_;
    IntervalPublisher intervals_;
    TimePoint measure_from_ = RunControl::kNever; ///< as RunControl has it, read once an iteration
    TimePoint stop_at_ = RunControl::kNever;      ///< as above
    bool stopping_ = false;
    std::vector<Tally> sums_; ///< as Connections::tallies(), since the start
    WorkerResult result_;
};

} // namespace echoload
