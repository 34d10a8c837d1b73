// SPDX-License-Identifier: MIT
// When connections are opened, and how many messages a connection of a closed loop may send.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace echoload {

using echod::Duration;
using echod::TimePoint;

/// When the next connection may be opened.
///
/// With a rate, connection k is due k / rate after the start, independent of the others. Without a
/// rate, at most kPlaces connections are under way at once. A connection is under way until its
/// first echo, not just until it is established: only the echo shows that the server has accepted
/// it from its backlog, which would overflow otherwise. A connection that is up for kTimeout
/// without an echo no longer counts: the server may delay it on purpose, and this must not block
/// the others.
class ConnectSchedule {
public:
    static constexpr std::uint32_t kPlaces = 512;
    static constexpr Duration kTimeout = std::chrono::milliseconds(100);

    /// `total` connections, numbered from 0, from `start` on; `rate` is connections a second;
    /// without one `places` are under way at once.
    ConnectSchedule(std::uint32_t total, std::optional<double> rate, TimePoint start,
                    std::uint32_t places = kPlaces);

    /// The number of the next connection if it is due at `now`; it is under way from then on.
    [[nodiscard]] std::optional<std::uint32_t> take(TimePoint now);

    /// Whether connection `id`, which was opened before, may be opened again at `now`; it is under
    /// way from then on. A rate limits first openings only.
    [[nodiscard]] bool take_again(std::uint32_t id, TimePoint now);

    /// Connection `id` is established.
    void up(std::uint32_t id, TimePoint now);

    /// Connection `id` is no longer under way: its first echo came, it failed, or it sends nothing
    /// before all are up. Further calls have no effect.
    void settled(std::uint32_t id) noexcept;

    /// Opens no more.
    void stop() noexcept { stopped_ = true; }

    /// All were opened, or no more will be.
    [[nodiscard]] bool finished() const noexcept { return stopped_ || taken_ == total_; }

    /// How many were opened.
    [[nodiscard]] std::uint32_t taken() const noexcept { return taken_; }

    /// When take() may return the next connection; nothing where that depends on settled().
    [[nodiscard]] std::optional<TimePoint> next() const noexcept;

    /// The same for take_again().
    [[nodiscard]] std::optional<TimePoint> next_again() const noexcept;

private:
    struct Waiting {
        std::uint32_t id;
        TimePoint until;
    };

    [[nodiscard]] TimePoint due() const noexcept;
    void expire_waiting(TimePoint now);

    std::uint32_t total_;
    std::uint32_t places_;
    std::uint32_t taken_ = 0;
    std::uint32_t under_way_ = 0;
    bool stopped_ = false;
    std::optional<double> rate_;
    TimePoint start_;
    std::vector<bool> is_under_way_;
    std::deque<Waiting> waiting_; ///< up and without an echo, in the order of time
};

/// Messages that a connection may send now.
struct Grant {
    std::uint32_t count = 0;
    bool measured = false; ///< they belong to the measured part of the run
};

/// The closed loop: an echo makes room for the next message, so that `pipeline` messages are in
/// flight on a connection. The server sets the pace, which hides its stalls (coordinated
/// omission).
class SendSchedule {
public:
    /// `budget` is the number of measured messages in all, or nothing where time is the limit.
    /// With `hold`, nothing is sent before release(), or before the measured part begins.
    SendSchedule(std::uint32_t pipeline, std::optional<std::uint64_t> budget, bool hold) noexcept
        : pipeline_(pipeline), budget_(budget), hold_(hold) {}

    /// Ends the hold.
    void release() noexcept { hold_ = false; }

    /// The measured part begins.
    void measure() noexcept { measuring_ = true; }

    /// Nothing is granted from now on.
    void stop() noexcept { stopped_ = true; }

    /// What a connection with `outstanding` unanswered messages may send in addition.
    [[nodiscard]] Grant grant(std::uint64_t outstanding) noexcept;

    /// `count` measured messages were granted and will not be sent by that connection.
    void give_back(std::uint64_t count) noexcept {
        if (budget_) {
            *budget_ += count;
        }
    }

    /// Nothing will be granted any more, unless something is given back.
    [[nodiscard]] bool exhausted() const noexcept {
        return stopped_ || (measuring_ && budget_ && *budget_ == 0);
    }

    /// Nothing is granted before release() or measure().
    [[nodiscard]] bool holds() const noexcept { return hold_ && !measuring_; }

private:
    std::uint32_t pipeline_;
    std::optional<std::uint64_t> budget_;
    bool hold_;
    bool measuring_ = false;
    bool stopped_ = false;
};

} // namespace echoload
