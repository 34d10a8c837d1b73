// SPDX-License-Identifier: MIT
// Serves the metrics over HTTP.
#pragma once

#include "exporter/collector.hpp"

#include <csignal>
#include <cstdint>
#include <string>

namespace echod {

/// Serves http://host:port/metrics until one of `signals`, which must be blocked, arrives. Notifies
/// the service manager and prints the address once it listens. Returns false, after a line that
/// says why, if it cannot listen. Throws std::bad_alloc.
[[nodiscard]] bool serve_metrics(const std::string& host, std::uint16_t port, Collector& collector,
                                 const sigset_t& signals);

} // namespace echod
