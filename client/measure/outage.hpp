// SPDX-License-Identifier: MIT
// Outages of the targets, and interruptions of connections.
#pragma once

#include "client/measure/histogram.hpp"
#include "client/measure/tally.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// An outage of a target. It begins when a connection to the target is lost or refused, and lasts
/// until each connection that it interrupted is answered again. Its length is the longest time in
/// it without a right echo on any connection to the target: from the last right echo to the next
/// one. Where some connections are lost while others are answered, this is short; the interruptions
/// of the connections are not. Times count from the start of the run.
struct Outage {
    std::string target; ///< as it was given
    Duration noticed{}; ///< when the first connection was lost or refused
    Duration from{};    ///< last right echo; before the first, the first attempt to connect
    Duration to{};      ///< the next right echo, or the end of the run
    bool over = false;  ///< a right echo came at `to`
    std::optional<Duration> restored; ///< when the last of the connections was answered again
    std::uint64_t connections = 0;    ///< interrupted
    std::uint64_t messages_lost = 0;  ///< with them: lost, or not answered in time
    ErrorTable errors;

    [[nodiscard]] Duration length() const noexcept { return to - from; }

    /// When the next outage of the target could begin.
    [[nodiscard]] Duration end() const noexcept;
};

/// The outages of a loop, or of a run.
struct Outages {
    /// More are counted only, so that memory is bounded.
    static constexpr std::size_t kListed = 1000;

    std::vector<Outage> list; ///< in the order of their beginning
    std::uint64_t not_listed = 0;
    Duration longest_not_listed{};
    std::uint64_t messages_lost = 0; ///< in all of them
    std::uint64_t not_restored = 0;  ///< connections that were interrupted until the end
    Histogram interruptions;         ///< of connections: from the last right echo to the next one,
                                     ///< or to the end

    void add(Outage outage);

    [[nodiscard]] std::uint64_t count() const noexcept { return list.size() + not_listed; }

    /// Zero where there was none.
    [[nodiscard]] Duration longest() const noexcept;
};

/// The outages of a run from those that its loops list, in the order of their beginning. See
/// merge_outages().
[[nodiscard]] std::vector<Outage> merge_listed(const std::vector<Outages>& loops);

/// The outages of a run from those of its loops. Those of a target that overlap are one outage; it
/// is as long as none of these loops got a right echo.
[[nodiscard]] Outages merge_outages(const std::vector<Outages>& loops);

} // namespace echoload
