// SPDX-License-Identifier: MIT
// The state of each target while a run lasts.
#pragma once

#include "client/measure/outage.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// What a loop counted on one address of the targets in an interval.
struct AddressInterval {
    std::uint64_t verified = 0;
    std::uint64_t failures = 0; ///< errors, and messages without a right echo
    std::uint32_t open = 0;     ///< connections up at its end
};

/// Outages of a target that are counted only.
struct LeftOutOutages {
    std::string target;
    std::uint64_t count = 0;
    Duration longest{};
    Duration sum{};
};

/// The outages of a loop in an interval.
struct LoopOutages {
    std::vector<Outage> ended;            ///< at most Outages::kListed
    std::vector<LeftOutOutages> left_out; ///< the others, each target once
    std::vector<Outage> current;          ///< those that last, with their length so far

    /// Adds an outage to those that ended.
    void add(const Outage& outage);

    /// Adds the outages of the interval after this one.
    void append(LoopOutages next);

private:
    void leave_out(const LeftOutOutages& outages);
};

/// The state of a target at the end of an interval.
struct TargetState {
    std::string target;                ///< as it was given
    std::uint32_t open = 0;            ///< connections up
    bool up = false;                   ///< see LiveTargets
    std::uint64_t outages = 0;         ///< since the start of the run, that which lasts included;
                                       ///< 0 without --reconnect; it never decreases
    Duration out{};                    ///< the sum of their lengths; it never decreases
    std::optional<Duration> out_since; ///< the length so far of an outage that lasts
};

/// Adds up what the loops of a run report of the targets, interval by interval. Memory does not
/// grow with the run.
///
/// A target is up after a right echo, as long as a connection to it is up. It is down after an
/// interval with failures and without a right echo; an interval with neither changes nothing.
/// Outages of several loops are one where the next one has begun when an interval ends before the
/// last one is over.
class LiveTargets {
public:
    /// `names` are those of the targets, one for each of their addresses.
    LiveTargets(const std::vector<std::string>& names, std::size_t loops);

    /// Adds an interval of a loop: `addresses` in the order of the names, the outages with
    /// --reconnect.
    void add(std::size_t loop, const std::vector<AddressInterval>& addresses,
             const std::optional<LoopOutages>& outages);

    /// A loop has ended, and its connections are closed.
    void end_loop(std::size_t loop);

    /// Each loop has reported its part of the interval. Returns how many outages began in it.
    std::uint64_t end_interval();

    /// In the order of the names, each once; as of end_interval().
    [[nodiscard]] std::vector<TargetState> states() const;

    /// The outages so far, as of end_interval(), those that last included; without interruptions.
    /// Nothing without --reconnect.
    [[nodiscard]] std::optional<Outages> outages() const;

private:
    struct LoopPart {
        std::uint64_t verified = 0; ///< in the interval
        std::uint64_t failures = 0;
        std::uint32_t open = 0;
        std::vector<Outage> ended; ///< they are part of the one that lasts
        std::optional<Outage> current;
    };
    struct Target {
        TargetState state;
        std::uint64_t complete = 0; ///< outages that are over
        Duration complete_out{};    ///< the sum of their lengths
        std::vector<LoopPart> loops;
    };

    [[nodiscard]] Target& find(const std::string& name);
    [[nodiscard]] static std::vector<Outage> merged(const Target& target);
    void update_outages(Target& target);

    std::vector<std::size_t> target_of_; ///< of each address
    std::vector<Target> targets_;
    Outages over_; ///< the complete ones
    bool has_outages_ = false;
};

} // namespace echoload
