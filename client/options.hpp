// SPDX-License-Identifier: MIT
// The command line: what was asked.
#pragma once

#include "base/clock.hpp"
#include "client/abuse.hpp"
#include "client/arrivals.hpp"
#include "client/classify.hpp"
#include "client/compare.hpp"
#include "client/gates.hpp"
#include "client/sizes.hpp"
#include "client/source.hpp"
#include "client/split.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace echoload {

using echod::Duration;

/// How a connection is ended that has nothing more to do.
enum class Close : std::uint8_t {
    fin,   ///< all is answered: close(2)
    half,  ///< all is sent: shutdown(2), then what is owed and the end of file have to come
    reset, ///< all is answered: a reset, which leaves no TIME_WAIT
};

[[nodiscard]] std::string_view to_string(Close close) noexcept;

enum class Format : std::uint8_t { text, json };

/// Everything that a run is asked to do.
struct Options {
    std::vector<std::string> targets;
    std::uint32_t connections = 50;
    std::optional<Duration> duration;      ///< of the measured part; exactly one of this
    std::optional<std::uint64_t> messages; ///< and this is set
    std::uint32_t pipeline = 1;
    std::uint32_t threads = 1;
    SizeLaw sizes;
    std::uint64_t seed = 0;
    Duration timeout = std::chrono::seconds(10);
    std::optional<Duration> drain;      ///< after the end, for what is unanswered
    std::optional<double> connect_rate; ///< connections a second
    Duration warmup = Duration::zero();
    VerifyLevel verify = VerifyLevel::full;
    bool count_mismatches = false; ///< and go on, rather than stop at the first
    Split split = Split::none;
    std::uint32_t coalesce = 1; ///< messages to a send call
    AbuseOptions abuse;
    std::optional<Pace> pace; ///< of the open loop; nothing is the closed loop
    Arrival arrival = Arrival::constant;
    std::optional<SourceRange> source; ///< where connections come from
    Duration think = Duration::zero(); ///< closed loop: from an echo to the message after it
    std::optional<std::uint64_t> conn_messages; ///< after which a connection is replaced
    Close close = Close::fin;
    std::uint64_t max_in_flight = 100'000; ///< due and unanswered messages of an open loop
    Format format = Format::text;
    std::string output; ///< a file; empty is standard output
    std::optional<Duration> interval;
    std::string timeseries; ///< files; empty is none
    std::string hdr;
    std::string report;
    std::optional<int> server_pid; ///< of the server, to look at what it takes
    std::string server_unit;       ///< or the systemd unit that it is
    bool quiet = false;
    Gates gates;
};

/// The command line asked for no run, or for none that is possible.
struct NoRun {
    int exit_code = 0;
    std::string out; ///< for standard output
    std::string err; ///< for standard error
};

/// Reads argv of `echoload merge` and `echoload compare`, from that word on. Throw nothing but
/// std::bad_alloc.
[[nodiscard]] std::variant<MergeOptions, NoRun> parse_merge(int argc, const char* const* argv);
[[nodiscard]] std::variant<CompareOptions, NoRun> parse_compare(int argc, const char* const* argv);

/// Reads argv. Sets a random seed where none was given. Throws nothing but std::bad_alloc.
[[nodiscard]] std::variant<Options, NoRun> parse_options(int argc, const char* const* argv);

} // namespace echoload
