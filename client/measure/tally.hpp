// SPDX-License-Identifier: MIT
// Counters and latencies: of each loop by itself, then added up.
#pragma once

#include "base/enum_names.hpp"
#include "client/measure/histogram.hpp"
#include "client/measure/stage_tally.hpp"
#include "client/message/mismatch.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace echoload {

/// The operation that an error interrupted.
enum class Phase : std::uint8_t {
    bind,    ///< socket(2) and bind(2) to an address of --source
    connect, ///< connect(2) and its outcome; ETIMEDOUT also where --timeout expired
    write,   ///< send(2)
    read,    ///< recv(2)
    close,   ///< the server closed the connection (kEndOfFile)
    timeout, ///< a message had no whole echo within --timeout, or --drain
};

/// The error of a connection that the server closed: end of file has no errno.
inline constexpr int kEndOfFile = 0;

struct ErrorCount {
    Phase phase = Phase::connect;
    int error = 0; ///< an errno, or kEndOfFile
    std::uint64_t count = 0;
};

/// Errors by phase and errno: few kinds, however many errors.
class ErrorTable {
public:
    void add(Phase phase, int error, std::uint64_t count = 1);
    void merge(const ErrorTable& other);
    void clear() noexcept { rows_.clear(); }

    /// In the order of phase, then errno.
    [[nodiscard]] const std::vector<ErrorCount>& rows() const noexcept { return rows_; }
    [[nodiscard]] std::uint64_t total() const noexcept;

    /// The number of errors of that phase and errno.
    [[nodiscard]] std::uint64_t count(Phase phase, int error) const noexcept;

private:
    std::vector<ErrorCount> rows_;
};

/// Connections. At the end: requested + replaced = up + failed + those not tried to the end.
struct ConnectionCounts {
    std::uint64_t up = 0;           ///< established at some time
    std::uint64_t failed = 0;       ///< could not be established
    std::uint64_t closed_early = 0; ///< established, and gone before the run was over
    std::uint64_t replaced = 0;     ///< of up and failed: opened to replace another one
    std::uint64_t drained = 0;      ///< half-closed, and then closed by the server as expected
    std::uint64_t measured_up = 0;  ///< of up: in the measured part
};

/// Messages. At the end: sent = verified + wrong + timed_out + lost + in_flight.
struct MessageCounts {
    std::uint64_t sent = 0;         ///< handed to the kernel, at least their first byte
    std::uint64_t verified = 0;     ///< came back byte for byte
    std::uint64_t wrong = 0;        ///< came back different
    std::uint64_t timed_out = 0;    ///< no whole echo within --timeout, or --drain
    std::uint64_t lost = 0;         ///< unanswered when their connection ended
    std::uint64_t in_flight = 0;    ///< unanswered when the run was ended from outside
    std::uint64_t measured = 0;     ///< of verified: sent in the measured window
    std::uint64_t carried_over = 0; ///< of verified: closed loop, unanswered when the window opened
    std::uint64_t in_window = 0;    ///< of verified: came back in the measured window

    // Of the open loop: due = sent + shed + unsent.
    std::uint64_t due = 0;           ///< by the schedule
    std::uint64_t shed = 0;          ///< dropped when due: too many were unanswered
    std::uint64_t unsent = 0;        ///< due and not begun when their connection or the run ended
    std::uint64_t measured_due = 0;  ///< of due: in the measured part
    std::uint64_t measured_sent = 0; ///< of sent: in the measured part
    std::uint64_t measured_shed = 0; ///< of shed: in the measured part
    std::uint64_t measured_gone = 0; ///< of lost and unsent, in the measured part: never sent, or
                                     ///< their connection broke, or ended by another one's timeout,
                                     ///< so they have no time and are in no histogram
};

struct ByteCounts {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t in_window = 0; ///< in the messages that MessageCounts::in_window counts
};

/// All counters of a loop, which shares none with another; merge() adds them up without loss.
struct Tally {
    ConnectionCounts connections;
    MessageCounts messages;
    ByteCounts bytes;
    ErrorTable errors;
    std::uint64_t mismatches = 0; ///< wrong echoes of every kind, unexpected bytes included
    std::array<std::uint64_t, kMismatchKinds> wrong_by_kind{}; ///< of mismatches
    Histogram service;   ///< of measured and carried-over messages, from their sending: echoes, and
                         ///< those that timed out, at their age; in the open loop all that are
                         ///< unanswered at the end
    Histogram connect;   ///< from connect(2) until a connection was established; with
                         ///< --conn-messages of those in the measured part alone
    Histogram response;  ///< open loop: the same from when they were due
    Histogram lag;       ///< open loop: of measured messages, how long after they were due the loop
                         ///< handled them
    StageTallies stages; ///< of measured messages, where the pace has stages

    /// Counts the response time of a measured message of an open loop that was due at `due`.
    void record_response(TimePoint due, Duration time) noexcept {
        response.record(time);
        if (!stages.empty()) [[unlikely]] {
            stages.of(due).response.record(time);
        }
    }

    void count(MismatchKind kind) noexcept {
        ++mismatches;
        ++wrong_by_kind[static_cast<std::size_t>(kind)];
    }
    void merge(const Tally& other);
    void clear() noexcept;
};

/// A latency of a run.
struct NamedLatency {
    const char* key; ///< of its object in the JSON
    const Histogram* histogram;
};

/// The latencies of a run, or of an interval of one, with an open or a closed loop; the first is
/// `loop_latency`.
[[nodiscard]] std::vector<NamedLatency> latencies(const Tally& tally, bool open_loop);

/// The latency that limits and comparisons mean: part of `tally`.
[[nodiscard]] const Histogram& loop_latency(const Tally& tally, bool open_loop) noexcept;

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Phase> =
    echod::names_up_to<echoload::Phase::timeout>({"bind", "connect", "write", "read", "close",
                                                  "timeout"});
