// SPDX-License-Identifier: MIT
// The messages of one connection: how far they are granted, sent and echoed, and when.
#pragma once

#include "base/clock.hpp"
#include "client/message/sequence_ring.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

namespace echoload {

using echod::Duration;
using echod::TimePoint;

/// A row of sequence numbers, expected <= sent <= queued, and in an open loop queued <= due. The
/// server has to echo the messages before `sent`, and the first `send_offset` bytes of `sent`
/// itself. Of a message in flight only the times are stored: its bytes can be made again.
struct MessageStream {
    static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

    /// When a message was sent, and due to be: the same in the closed loop.
    struct Times {
        TimePoint sent;
        TimePoint due;
    };

    /// The first message of which nothing is sent.
    [[nodiscard]] std::uint64_t begun() const noexcept {
        return sent + (send_offset != 0 ? 1U : 0U);
    }

    /// Messages begun whose echo has not come yet.
    [[nodiscard]] std::uint64_t in_flight() const noexcept { return begun() - expected; }

    /// The times of a message in flight.
    [[nodiscard]] Times times_of(std::uint64_t sequence) const noexcept {
        const TimePoint when = send_times[sequence];
        return {when, due_times ? (*due_times)[sequence] : when};
    }

    /// Counts a value of the latency that limits mean.
    void note_latency(Duration latency) noexcept {
        ++latencies;
        latency_sum += latency;
    }

    std::uint64_t connection = 0;         ///< the number of the connection in the run
    std::uint64_t stream = 0;             ///< its key for the Generator
    std::uint64_t queued = 0;             ///< messages before it are granted
    std::uint64_t sent = 0;               ///< the first that is not wholly sent
    std::uint64_t expected = 0;           ///< the next to be echoed
    std::uint64_t measured_from = kNever; ///< the first that is measured
    std::uint64_t carried_from = kNever;  ///< closed loop: the first that was outstanding when the
                                          ///< measured part began; those up to measured_from are
                                          ///< in the latency as well
    SequenceRing<TimePoint> send_times{}; ///< of [expected, begun())
    std::uint64_t due = 0;                ///< open loop: messages before it are due
    std::unique_ptr<SequenceRing<TimePoint>> due_times{}; ///< open loop: of [expected, due)
    std::uint16_t send_offset = 0;                        ///< bytes of `sent` that are sent
    std::uint64_t latencies = 0; ///< values of the latency that limits mean, and their sum
    Duration latency_sum{};
};

} // namespace echoload
