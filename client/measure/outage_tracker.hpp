// SPDX-License-Identifier: MIT
// Finds outages in what happens to the connections of a loop.
#pragma once

#include "base/clock.hpp"
#include "client/measure/live_targets.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

using echod::TimePoint;

/// Keeps track of the connections to one or more targets; for what an outage is, see Outage. Its
/// caller passes the time.
class OutageTracker {
public:
    /// Connections are numbered 0 to connections - 1, targets in the order of `targets`, their
    /// names. The run began at `start`.
    OutageTracker(std::uint32_t connections, std::vector<std::string> targets, TimePoint start);

    /// Connection `id` to a target is opened; only the first time counts.
    void opens(std::uint32_t id, std::size_t target, TimePoint now);

    /// A right echo came on connection `id`.
    void answered(std::uint32_t id, std::size_t target, TimePoint now) {
        if (targets_[target].is_out || connections_[id].interrupted) [[unlikely]] {
            note_answered(id, target, now);
        }
        targets_[target].last_right = now;
        connections_[id].last_right = now;
    }

    /// Connection `id` was lost or refused, with `messages` that had no right echo. `error` is
    /// nothing where the connection ended because of a wrong echo.
    void lost(std::uint32_t id, std::size_t target, std::uint64_t messages,
              const std::optional<ErrorCount>& error, TimePoint now);

    /// Connection `id` is up again and has no message to be answered: the outage does not wait for
    /// it any longer.
    void idle(std::uint32_t id, std::size_t target) noexcept;

    /// Connection `id` had no right echo since it was lost or refused.
    [[nodiscard]] bool is_interrupted(std::uint32_t id) const noexcept {
        return connections_[id].interrupted;
    }

    /// The outages that ended since the last call, and those that last at `now`.
    [[nodiscard]] LoopOutages take_interval(TimePoint now);

    /// The run ends at `now`: ends what lasts until then, and returns all; call it once.
    [[nodiscard]] Outages finish(TimePoint now);

private:
    struct Connection {
        TimePoint last_right{}; ///< or the first attempt to connect
        bool opened = false;
        bool interrupted = false; ///< until a right echo comes
        bool awaited = false;     ///< the outage of its target lasts until a right echo comes
    };
    struct Target {
        TimePoint last_right{}; ///< as above
        bool opened = false;
        bool is_out = false;
        std::uint64_t awaited = 0; ///< connections
        Outage outage;             ///< while it is out
    };

    void note_answered(std::uint32_t id, std::size_t target, TimePoint now);
    static void note_gap(Outage& outage, Duration last_right, Duration now, bool over) noexcept;
    void note_gap(Target& target, TimePoint now, bool over) noexcept {
        note_gap(target.outage, target.last_right - start_, now - start_, over);
    }
    void end(Target& target);

    const TimePoint start_;
    std::vector<std::string> names_;
    std::vector<Connection> connections_;
    std::vector<Target> targets_;
    Outages outages_;
    LoopOutages interval_; ///< those that ended since take_interval()
};

} // namespace echoload
