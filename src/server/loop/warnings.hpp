// SPDX-License-Identifier: MIT
// The rate-limited warnings: the capacity is reached, an address is at its limit, accept(2) fails,
// an accepted connection cannot be added, a PROXY header is not expected.
#pragma once

#include "base/clock.hpp"
#include "net/address.hpp"
#include "server/config/config.hpp"
#include "server/log/log.hpp"
#include "server/loop/rate_limit.hpp"
#include "server/stats/counters.hpp"

#include <cstdint>

namespace echod {

/// How accepting stands at one moment.
struct AcceptState {
    bool full = false;           ///< `most` connections are open
    std::uint32_t most = 0;      ///< connections that may be open at the same time
    int pause_error = 0;         ///< the errno for which accepting pauses; 0 where it does not
    Endpoint unexpected_proxy{}; ///< of Clients::unexpected_proxy()
};

/// Compares the counters with those of the last warnings and logs what is new, each kind at most
/// once in 10 s with the number of suppressed occurrences, and a PROXY header once.
class Warnings {
public:
    /// Borrows both for its life.
    Warnings(Log& log, const Counters& counters) noexcept : log_(log), counters_(counters) {}

    /// True where log() may have something to log: a cheap check for every loop iteration.
    [[nodiscard]] bool pending(bool full, int pause_error) const noexcept {
        return was_full_ || full || pause_error != 0 ||
               counters_.rejected_per_ip != logged_per_ip_ ||
               counters_.unexpected_proxy != seen_unexpected_proxy_;
    }

    /// Logs the warnings that are due. Throws std::bad_alloc.
    void log(const AcceptState& accepting, const Config& config, TimePoint now);

private:
    void log_capacity(const AcceptState& accepting, const Config::Limits& limits, TimePoint now);
    void log_per_ip(const Config::Limits& limits, TimePoint now);
    void log_pause(int error, TimePoint now);
    void log_setup(int error, TimePoint now);
    void log_unexpected_proxy(const Endpoint& peer, const Config::Listen& listen);

    Log& log_;
    const Counters& counters_;
    RateLimit capacity_limit_;
    RateLimit per_ip_limit_;
    RateLimit pause_limit_;
    RateLimit setup_limit_;
    bool was_full_ = false;
    std::uint64_t logged_rejections_ = 0; ///< rejected and evicted
    std::uint64_t logged_per_ip_ = 0;
    std::uint64_t logged_accept_errors_ = 0;
    std::uint64_t logged_setup_errors_ = 0;
    std::uint64_t seen_unexpected_proxy_ = 0;
    bool logged_unexpected_proxy_ = false;
};

} // namespace echod
