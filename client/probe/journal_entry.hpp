// SPDX-License-Identifier: MIT
// The entry of an interval in the journal.
#pragma once

#include "client/probe/metrics.hpp"
#include "client/result/live_interval.hpp"

#include <string>
#include <string_view>

namespace echoload {

/// The MESSAGE_ID of the figures of an interval; systemd/echod.catalog explains it.
inline constexpr std::string_view kProbeMessageId = "95fab645ef1b46568fb48fc73b799c0a";

/// The entry, in journald's native protocol: `interval` in MESSAGE and in ECHOLOAD_INTERVAL_...,
/// and `figures`, which contain it, in ECHOLOAD_.... It is a warning where a target is down or
/// something failed in the interval.
[[nodiscard]] std::string journal_entry(const LiveInterval& interval, const RunFigures& figures);

} // namespace echoload
