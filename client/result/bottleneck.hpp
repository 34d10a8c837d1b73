// SPDX-License-Identifier: MIT
// Where the bottleneck of a run was: in the client or in the server.
#pragma once

#include "base/enum_names.hpp"
#include "client/result/run_result.hpp"

#include <string>

namespace echoload {

/// A thread that uses this share of a processor has no more to give.
inline constexpr double kBusy = 0.9;

/// The part that kept a run from being faster.
struct Bottleneck {
    enum class Where : std::uint8_t { client, server, none, unknown };
    Where where = Where::unknown;
    std::string reason; ///< a sentence without a full stop
};

/// The client where a thread of it was busy, for then the figures say little of the server; else
/// the server where a thread of it was; else none, if the server was sampled. A loop that polls
/// until the next message is due is not busy by that; an open loop whose own lag makes up half of
/// the p99 of the response is the bottleneck however little it used.
[[nodiscard]] Bottleneck find_bottleneck(const RunResult& result);

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Bottleneck::Where> =
    echod::names_up_to<echoload::Bottleneck::Where::unknown>({"client", "server", "none",
                                                              "unknown"});
