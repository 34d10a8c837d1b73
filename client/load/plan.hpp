// SPDX-License-Identifier: MIT
// How a run is divided among its loops.
#pragma once

#include "client/options/options.hpp"
#include "client/pace/arrivals.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// A loop's share of the run.
struct WorkerPlan {
    static constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};

    std::optional<std::uint32_t> cpu;   ///< that its thread runs on
    std::uint64_t first_connection = 0; ///< its connections are numbered from here
    std::uint32_t connections = 0;
    std::optional<double> connect_rate;    ///< connections a second
    std::uint32_t connect_places = 0;      ///< connections being opened at once, without a rate
    std::uint32_t pipeline = 1;            ///< messages in flight on a connection
    std::optional<std::uint64_t> messages; ///< measured ones in all, where that is the limit
    bool hold = false;                     ///< send nothing before the warm-up or, without one,
                                           ///< the measured part begins
    VerifyLevel verify = VerifyLevel::full;
    bool continue_on_mismatch = false; ///< after a wrong echo
    Split split = Split::none;
    std::uint32_t coalesce = 1;           ///< messages to a send call
    std::optional<Arrivals> arrivals;     ///< of an open loop
    std::vector<Duration> stage_ends;     ///< of its stages, since the measured part began
    std::uint64_t max_in_flight = 0;      ///< due and unanswered messages of an open loop
    std::uint64_t conn_messages = kNoEnd; ///< after which a connection is replaced
    std::uint64_t next_connection = 0;    ///< the number of the first replacement
    std::uint32_t connection_stride = 1;  ///< from one replacement's number to the next
    bool reconnect = false;               ///< lost and refused connections are opened again
    std::uint64_t seed = 0;
    std::uint32_t loop = 0; ///< its number
    Close close = Close::fin;
    std::optional<SourceRange> source; ///< where connections come from
    Duration busy_poll{};              ///< how long it polls before it sleeps
    Duration think{};                  ///< closed loop: from an echo to the message after it
    Duration warmup{};
    Duration timeout{};
    std::optional<Duration> drain; ///< limit of the wait for echoes after the end (with a number of
                                   ///< messages: for closing); without it, each has `timeout`
    std::optional<Duration> interval; ///< how often to publish counts
};

/// The shares of `options.threads` loops, which add up to the whole run exactly.
[[nodiscard]] std::vector<WorkerPlan> divide(const Options& options,
                                             std::optional<Duration> interval);

} // namespace echoload
