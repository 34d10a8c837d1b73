// SPDX-License-Identifier: MIT
// The names of a result's figures, said once for text, JSON, the page and compare.
#pragma once

#include "client/measure/numbers.hpp"
#include "client/measure/tally.hpp"
#include "client/result/abuse_result.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace echoload {

/// The percentiles that are reported, without --percentiles.
inline constexpr double kPercentiles[] = {50, 90, 95, 99, 99.9, 99.99};

/// "p99.9", and "p99_9_ns" in the JSON.
[[nodiscard]] std::string percentile_name(double percent);
[[nodiscard]] std::string percentile_key(double percent);

/// Where the text shows a counter.
enum class Shown : std::uint8_t { always, if_not_zero, never };

/// A counter of `Counts`, and its names.
template <class Counts>
struct NamedCount {
    const char* key; ///< in the JSON
    std::uint64_t Counts::*count;
    Shown shown = Shown::never;
    const char* label = ""; ///< in the text
};

/// The counters of connections with what a run adds to them.
struct ConnectionFigures : ConnectionCounts {
    std::uint64_t requested = 0;
    std::uint64_t peak = 0;
    std::uint64_t not_tried = 0;
    std::optional<double> up_per_s; ///< nothing where no part of the run was measured
};

inline constexpr NamedCount<ConnectionFigures> kConnectionCounts[] = {
    {"asked", &ConnectionFigures::requested, Shown::always, "requested"},
    {"up", &ConnectionFigures::up, Shown::always, "up"},
    {"peak", &ConnectionFigures::peak, Shown::always, "peak"},
    {"failed", &ConnectionFigures::failed, Shown::always, "failed"},
    {"ended_early", &ConnectionFigures::closed_early, Shown::always, "ended early"},
    {"replaced", &ConnectionFigures::replaced, Shown::if_not_zero, "replaced"},
    {"drained", &ConnectionFigures::drained, Shown::if_not_zero, "drained"},
    {"not_tried", &ConnectionFigures::not_tried, Shown::if_not_zero, "not tried"},
};

inline constexpr NamedCount<MessageCounts> kMessageCounts[] = {
    {"sent", &MessageCounts::sent, Shown::always, "sent"},
    {"verified", &MessageCounts::verified, Shown::always, "verified"},
    {"wrong", &MessageCounts::wrong, Shown::always, "wrong"},
    {"timed_out", &MessageCounts::timed_out, Shown::always, "timed out"},
    {"lost", &MessageCounts::lost, Shown::always, "lost"},
    {"in_flight_at_end", &MessageCounts::in_flight, Shown::if_not_zero, "in flight at the end"},
    {"measured", &MessageCounts::measured},
    {"carried_over", &MessageCounts::carried_over},
    {"in_window", &MessageCounts::in_window},
};

/// Of kMessageCounts, those that an interval has as well: the first ones.
inline constexpr std::size_t kIntervalCounts = 5;

/// The counters that only an open loop has.
inline constexpr NamedCount<MessageCounts> kOpenLoopCounts[] = {
    {"due", &MessageCounts::due},
    {"shed", &MessageCounts::shed},
    {"unsent", &MessageCounts::unsent},
    {"measured_due", &MessageCounts::measured_due},
    {"measured_shed", &MessageCounts::measured_shed},
    {"measured_gone", &MessageCounts::measured_gone},
};

/// Of kOpenLoopCounts, those that an interval has as well: the first ones.
inline constexpr std::size_t kOpenLoopIntervalCounts = 3;

inline constexpr NamedCount<ByteCounts> kByteCounts[] = {
    {"sent", &ByteCounts::sent},
    {"received", &ByteCounts::received},
    {"in_window", &ByteCounts::in_window},
};

/// The counters of a cohort; the labels head the columns of the table.
inline constexpr NamedCount<AbuseCounts> kAbuseCounts[] = {
    {"asked", &AbuseCounts::asked, Shown::always, "requested"},
    {"opened", &AbuseCounts::opened, Shown::always, "opened"},
    {"refused", &AbuseCounts::refused, Shown::always, "refused"},
    {"closed_by_fin", &AbuseCounts::closed_by_fin, Shown::always, "by FIN"},
    {"closed_by_rst", &AbuseCounts::closed_by_rst, Shown::always, "by RST"},
    {"open_at_end", &AbuseCounts::open_at_end, Shown::always, "open"},
    {"whole_messages", &AbuseCounts::whole_messages, Shown::always, "messages"},
    {"echoed", &AbuseCounts::echoed, Shown::always, "echoed"},
    {"echoed_bytes", &AbuseCounts::echoed_bytes},
    {"wrong", &AbuseCounts::wrong, Shown::always, "wrong"},
};

/// The counters of outages.
struct OutageCounts {
    std::uint64_t outages = 0; ///< also those that are not listed
    std::uint64_t messages_lost = 0;
    std::uint64_t not_restored = 0; ///< connections
};

inline constexpr NamedCount<OutageCounts> kOutageCounts[] = {
    {"outages", &OutageCounts::outages},
    {"messages_lost", &OutageCounts::messages_lost},
    {"not_restored", &OutageCounts::not_restored},
};

/// The error of a connection that the server closed, in place of the name of an errno.
inline constexpr const char* kEndOfFileName = "EOF";

/// Three significant figures, or "-" where there is no figure.
[[nodiscard]] std::string duration_or_dash(std::optional<Duration> duration);

/// The same of a number of seconds.
[[nodiscard]] std::string seconds_or_dash(std::optional<double> seconds);

} // namespace echoload
