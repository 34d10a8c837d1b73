// SPDX-License-Identifier: MIT
// Who kept a run from being faster: the client or the server.
#pragma once

#include "client/runner.hpp"

#include <string>

namespace echoload {

/// A thread that takes so much of a processor's time has no more to give.
inline constexpr double kBusy = 0.9;

struct Limit {
    enum class By : std::uint8_t { client, server, none, unknown };
    By by = By::unknown;
    std::string reason; ///< a sentence without a full stop
};

/// "client", "server", "none" or "unknown".
[[nodiscard]] std::string_view to_string(Limit::By by) noexcept;

/// The client where a thread of it was busy, for then the figures say little of the server; else
/// the server where a thread of it was; else none, if the server was seen. A loop that polls until
/// the next message is due is not busy by that; an open loop whose own lag makes up half of the p99
/// of the response is the limit however little it used.
[[nodiscard]] Limit find_limit(const RunResult& result);

} // namespace echoload
