// SPDX-License-Identifier: MIT
// What the connections of a loop do: connect, send, receive.
#pragma once

#include "client/load/connections.hpp"
#include "client/load/plan.hpp"
#include "client/message/payload.hpp"
#include "client/pace/think_timers.hpp"

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace echoload {

/// Moves messages on the connections of a loop: opens them, sends what the pacer grants, receives
/// and verifies echoes. It knows nothing of the phases of a run.
class Traffic {
public:
    /// All references outlive it.
    Traffic(const WorkerPlan& plan, const Generator& generator, Connections& connections);

    /// Does what is due at `now`: opens connections, ends pauses, serves ready connections, and
    /// ends those whose timeout is over.
    void run_due(TimePoint now);

    /// Handles an event of a connection; one of a closed descriptor is ignored.
    void handle(const epoll_event& event);

    /// Open loop, once its schedule has begun: sends what is due at `now`, before `stop_at`.
    void dispatch(TimePoint now, TimePoint stop_at);

    /// The warm-up begins: connections that were held back send.
    void release();

    /// The measured part begins: connections that were held back send, and in a closed loop, what
    /// the others have in flight is carried over.
    void measure();

    /// When the next pause ends; TimePoint::max() where there is none.
    [[nodiscard]] TimePoint next() const noexcept { return think_timers_.next(); }

private:
    void make_all_ready();
    void open(std::uint32_t id);
    void opened(std::uint32_t id, const ConnectResult& result, TimePoint now);
    void established(std::uint32_t id, TimePoint now);
    void expire_think_timers(TimePoint now);
    void receive(std::uint32_t id);
    [[nodiscard]] bool take_bytes(std::uint32_t id, std::span<const std::byte> bytes);
    void think(std::uint32_t id, std::uint64_t echoes, TimePoint now);
    void refill(Slot& slot) { connections_.pacer().refill(slot.session, slot.thinking); }
    void send(std::uint32_t id);

    const WorkerPlan& plan_;
    const Generator& generator_;
    Connections& connections_;
    const bool plain_; ///< Pacer::is_plain()
    ThinkTimers think_timers_;
    std::vector<std::byte> send_buffer_;
    std::span<std::byte> send_room_; ///< what of send_buffer_ a send call may fill
    const bool cuts_sends_;          ///< --split or --coalesce
};

} // namespace echoload
