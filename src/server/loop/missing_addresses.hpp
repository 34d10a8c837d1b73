// SPDX-License-Identifier: MIT
// Configured addresses that do not exist yet, and listening on them once they do.
#pragma once

#include "base/clock.hpp"
#include "server/config/config.hpp"
#include "server/listener/acceptor.hpp"
#include "server/listener/listener.hpp"
#include "server/log/log.hpp"

#include <string>
#include <vector>

namespace echod {

/// Tries each missing address again every second. No event would do in every sandbox: a unit may
/// forbid AF_NETLINK, and the end of duplicate address detection is not an event for all kernels.
class MissingAddresses {
public:
    /// Borrows both for its life.
    MissingAddresses(Acceptor& acceptor, Log& log) noexcept : acceptor_(acceptor), log_(log) {}

    /// Exchanges the addresses for those that `listen` lacks.
    void set(std::vector<MissingAddress> missing, Config::Listen listen, TimePoint now) noexcept;

    /// Logs a warning that names the addresses, if there are any. Throws std::bad_alloc.
    void warn();

    [[nodiscard]] std::size_t count() const noexcept { return missing_.size(); }

    /// The line of Notices; empty if no address is missing. Throws std::bad_alloc.
    [[nodiscard]] std::string describe() const;

    /// When retry() is due; kNever while no address is missing.
    [[nodiscard]] TimePoint retry_at() const noexcept { return retry_at_; }

    /// Listens on the addresses that exist now, and logs them. Returns true if describe() has
    /// changed. Throws std::bad_alloc.
    [[nodiscard]] bool retry(TimePoint now);

private:
    /// True if the address is served now.
    [[nodiscard]] bool try_again(MissingAddress& address);

    Acceptor& acceptor_;
    Log& log_;
    std::vector<MissingAddress> missing_;
    Config::Listen listen_;
    TimePoint retry_at_ = kNever;
};

} // namespace echod
