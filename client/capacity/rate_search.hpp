// SPDX-License-Identifier: MIT
// Searches for the highest rate that holds, without a clock, a socket or a server.
#pragma once

#include "base/enum_names.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace echoload {

/// What a run at some rate showed of the server.
enum class StepFinding : std::uint8_t {
    holds,          ///< the load was delivered, and every limit was kept
    fails,          ///< the server did not take the load, or a limit was exceeded
    client_limited, ///< as fails, but the client was the bottleneck: it says nothing of the server
    unmeasured,     ///< nothing was measured that could be judged
};

/// Where to search, in messages a second: whole numbers.
struct SearchRange {
    double lowest = 1;
    double highest = 1;
    double precision = 0.05;   ///< the edge lies between rates that differ by this share at most
    std::uint32_t repeats = 3; ///< runs that decide by majority that a rate does not hold; odd
};

/// What a search found.
struct SearchAnswer {
    std::optional<double> rate;   ///< the highest that holds; nothing: not even the lowest
    std::optional<double> beyond; ///< the lowest above it that does not; nothing: not reached
    StepFinding limit = StepFinding::holds; ///< of most of the runs at `beyond`
    std::optional<double> low;  ///< up to here every run held; nothing: not even at the lowest
    std::optional<double> high; ///< from here on no run held; nothing: that is not known
    bool complete = false;      ///< no more runs are needed
};

/// The rate is doubled until it does not hold, then the interval between the highest rate that
/// holds and the lowest that does not is halved, as a ratio, until it is narrow enough.
///
/// Noise makes a run fail at any rate and does not let it hold at a rate that is far too high. So a
/// run that holds is believed for the time being, and one that does not is repeated until a
/// majority of the repeats decides. At the end, both rates at the edge are decided by a majority of
/// twice as many runs less one. Where that overturns a verdict, the search continues from there.
class RateSearch {
public:
    explicit RateSearch(const SearchRange& range) noexcept : range_(range) {}

    /// The rate of the next run; nothing where the search is complete.
    [[nodiscard]] std::optional<double> next() const;

    /// A run at `rate` is over.
    void add(double rate, StepFinding finding);

    /// The answer by the runs so far.
    [[nodiscard]] SearchAnswer answer() const;

    /// The finding of most runs at that rate, of those that do not hold where most do not; at a
    /// rate without a run it is `unmeasured`.
    [[nodiscard]] StepFinding finding_at(double rate) const;

private:
    struct Votes {
        std::uint32_t holds = 0;
        std::uint32_t fails = 0;
        std::uint32_t client_limited = 0;
        std::uint32_t unmeasured = 0;

        [[nodiscard]] std::uint32_t against() const noexcept {
            return fails + client_limited + unmeasured;
        }
    };
    struct Edge {
        std::optional<double> rate;   ///< the highest that holds, below `beyond`
        std::optional<double> beyond; ///< the lowest that does not
    };

    // Whether so many of `runs` are a majority.
    [[nodiscard]] static bool is_most(std::uint32_t votes, std::uint32_t runs) noexcept {
        return 2 * votes > runs;
    }
    [[nodiscard]] bool is_refused(const Votes& votes) const noexcept {
        return votes.against() > votes.holds && is_most(votes.against(), range_.repeats);
    }
    [[nodiscard]] bool is_settled(double rate) const;
    [[nodiscard]] Edge edge() const;
    [[nodiscard]] std::optional<double> undecided() const;
    [[nodiscard]] std::optional<double> between(double low, double high) const;

    SearchRange range_;
    std::map<double, Votes> votes_; ///< by rate
};

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::StepFinding> =
    echod::names_up_to<echoload::StepFinding::unmeasured>({"holds", "fails", "client limited",
                                                           "not measured"});
