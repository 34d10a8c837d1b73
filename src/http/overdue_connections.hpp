// SPDX-License-Identifier: MIT
// Ends HTTP connections that take too long as a whole.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <map>

namespace echod {

/// The library bounds each read and each write, but not a request: a client that sends a byte a
/// second would keep its thread for hours. It does not show its sockets either, so they are found
/// among the descriptors of this process, of which there are few.
class OverdueConnections {
public:
    /// More than an instance and a wait for a thread take; less than a scrape may.
    static constexpr Duration kLimit = std::chrono::seconds(6);

    /// For the connections that were accepted at `port`.
    explicit OverdueConnections(std::uint16_t port) noexcept : port_(port) {}

    /// Shuts down those that have been open for `limit` since a call saw them first; their thread
    /// closes them. To be called about once a second. Throws std::bad_alloc.
    void end(TimePoint now, Duration limit = kLimit);

private:
    std::uint16_t port_;
    std::map<std::uint64_t, TimePoint> seen_; ///< by socket_cookie(): numbers are used again
};

} // namespace echod
