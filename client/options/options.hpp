// SPDX-License-Identifier: MIT
// The options of a run, and the functions that parse command lines.
#pragma once

#include "base/clock.hpp"
#include "base/enum_names.hpp"
#include "client/measure/gates.hpp"
#include "client/message/classify.hpp"
#include "client/message/sizes.hpp"
#include "client/message/split.hpp"
#include "client/options/abuse_cohorts.hpp"
#include "client/options/part.hpp"
#include "client/options/source.hpp"
#include "client/options/start_at.hpp"
#include "client/pace/arrivals.hpp"
#include "net/address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

using echod::Duration;

/// How a connection ends that has carried all its messages.
enum class Close : std::uint8_t {
    fin,   ///< close(2) after the last echo
    half,  ///< shutdown(2) after the last message; the missing echoes and end of file must follow
    reset, ///< a reset after the last echo, which leaves no socket in TIME_WAIT
};

/// Which addresses of a name get connections.
enum class Resolve : std::uint8_t {
    first, ///< the first that answers: RFC 8305
    all,   ///< all, in turn
};

/// What a wrong echo does.
enum class OnMismatch : std::uint8_t {
    stop,  ///< it ends the run
    count, ///< it is counted, and the run continues
};

enum class Format : std::uint8_t { text, json, nagios };

/// The message up to which the stream of a connection is sent again.
struct Replay {
    std::uint64_t connection = 0; ///< its number in the run that is replayed
    std::uint64_t sequence = 0;   ///< of the last message
};

/// The options of a run.
struct Options {
    std::vector<std::string> targets;
    std::uint32_t connections = 50;
    std::optional<Duration> duration;      ///< of the measured part; exactly one of this,
    std::optional<std::uint64_t> messages; ///< this
    bool forever = false;                  ///< and this is set: the run lasts until a signal
    std::uint32_t pipeline = 1;
    std::uint32_t threads = 1;
    std::vector<std::uint32_t> cpus; ///< of each thread; empty: the system chooses
    SizeLaw sizes;
    std::uint64_t seed = 0;
    Duration timeout = std::chrono::seconds(10);
    std::optional<Duration> drain;      ///< time limit after the end for missing echoes
    std::optional<double> connect_rate; ///< connections a second
    Duration warmup = Duration::zero();
    VerifyLevel verify = VerifyLevel::full;
    OnMismatch on_mismatch = OnMismatch::stop;
    Split split = Split::none;
    std::uint32_t coalesce = 1; ///< messages per send call
    AbuseOptions abuse;
    Duration busy_poll{};     ///< how long a loop polls before it sleeps; zero: not at all
    std::optional<Pace> pace; ///< of an open loop; without it the loop is closed
    Arrival arrival = Arrival::constant;
    std::optional<SourceRange> source; ///< local addresses
    Duration think = Duration::zero(); ///< closed loop: from an echo to the message after it
    std::optional<std::uint64_t> conn_messages; ///< after which a connection is replaced
    std::optional<Replay> replay; ///< then there is one connection, and `messages` is set
    std::optional<RunPart> part;  ///< this is a part of a larger run
    std::optional<StartAt> start_at;
    bool reconnect = false; ///< lost and refused connections are opened again
    Resolve resolve = Resolve::first;
    Close close = Close::fin;
    std::uint64_t max_in_flight = 100'000; ///< due and unanswered messages of an open loop
    Format format = Format::text;
    std::string output; ///< a file; empty is standard output
    std::optional<Duration> interval;
    std::string timeseries;                      ///< files; empty is none
    bool append = false;                         ///< to timeseries, which SIGHUP opens again
    std::optional<echod::ListenAddress> metrics; ///< where they are served
    std::string metrics_file;
    bool journal = false; ///< an entry an interval
    std::string hdr;
    std::string report;
    std::optional<int> server_pid; ///< process whose CPU, memory and descriptors are reported
    std::string server_unit;       ///< or the systemd unit of that process; empty is none
    bool quiet = false;
    Gates gates;
    Gates abort_on;                  ///< conditions that end the run where one of them holds
    std::vector<double> percentiles; ///< in place of the usual ones in the text; empty: those

    /// The run is watched by a monitoring system.
    [[nodiscard]] bool is_monitored() const noexcept {
        return metrics || !metrics_file.empty() || journal;
    }

    /// SIGHUP does not end the run: a reload of the probes of a machine is for all of them.
    [[nodiscard]] bool outlives_hangup() const noexcept {
        return append || (forever && is_monitored());
    }
};

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Close> =
    echod::names_up_to<echoload::Close::reset>({"fin", "half", "rst"});

template <>
inline constexpr auto echod::kEnumNames<echoload::Resolve> =
    echod::names_up_to<echoload::Resolve::all>({"first", "all"});

template <>
inline constexpr auto echod::kEnumNames<echoload::OnMismatch> =
    echod::names_up_to<echoload::OnMismatch::count>({"stop", "count"});

template <>
inline constexpr auto echod::kEnumNames<echoload::Format> =
    echod::names_up_to<echoload::Format::nagios>({"text", "json", "nagios"});
