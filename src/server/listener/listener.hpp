// SPDX-License-Identifier: MIT
// The listening sockets, and what a configuration makes of those that are open.
#pragma once

#include "base/unique_fd.hpp"
#include "server/config/config.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace echod {

/// A listening socket.
struct Listener {
    UniqueFd fd;
    std::string name;    ///< its address, and the name that systemd gave it
    bool passed = false; ///< of a socket unit: the service manager passes it, or did at first
    bool stored = false; ///< passed only because the old process stored it
    std::string fd_name; ///< of a passed one: the name that the service manager gave it

    /// True if the service manager keeps it open after this process.
    [[nodiscard]] bool outlives_process() const noexcept { return passed && !stored; }
};

/// A configured address that this machine does not have, or not yet.
struct MissingAddress {
    std::string address;
    std::string name; ///< with the port
    int error = 0;    ///< the errno with which listening fails

    bool operator==(const MissingAddress&) const = default;
};

/// A configured address on which the daemon cannot listen. what() names address, port, cause and,
/// where there is one, the remedy.
class ListenError : public std::runtime_error {
public:
    ListenError(int error, const std::string& text) : std::runtime_error(text), error_(error) {}

    /// The errno.
    [[nodiscard]] int error() const noexcept { return error_; }

private:
    int error_;
};

/// The listeners that a configuration asks for, in its order: new ones, and which of the open ones
/// stay. Dropping a plan closes the new ones and changes nothing else.
struct ListenPlan {
    static constexpr std::size_t kNew = std::numeric_limits<std::size_t>::max();

    std::vector<Listener> listeners; ///< the new ones are open, the others have a name only
    std::vector<std::size_t> stays;  ///< for each of them: the index of the open one, or kNew
    std::vector<MissingAddress> missing;
    int backlog = 0;
};

/// A list of addresses in which kEveryAddress is replaced by the wildcard address of each family.
[[nodiscard]] std::vector<std::string> expand_addresses(const std::vector<std::string>& addresses);

/// "127.0.0.1:8007", "[fe80::1%eth0]:8007".
[[nodiscard]] std::string address_name(const std::string& address, std::uint16_t port);

/// Opens a listener at one address. It may overlap with those of `open`, as a wildcard address
/// does. Throws ListenError.
[[nodiscard]] Listener open_listener(const std::string& address, const Config::Listen& listen,
                                     const std::vector<Listener>& open);

/// Opens a listener at each configured address that none of `open` is bound to. Addresses that do
/// not exist are left out with listen.missing = "retry". Of kEveryAddress, a family that does not
/// exist is not missing if the other is served. Throws ListenError.
[[nodiscard]] ListenPlan plan_listeners(const Config::Listen& listen,
                                        const std::vector<Listener>& open);

/// The listeners of the plan. Those of `open` that stay are moved there, and get the backlog of the
/// plan; the others are left in `open`.
[[nodiscard]] std::vector<Listener> apply_plan(ListenPlan plan,
                                               std::vector<Listener>& open) noexcept;

struct OpenedListeners {
    std::vector<Listener> listeners;
    std::vector<MissingAddress> missing;
};

/// Opens a listener at each configured address, as plan_listeners() does. A socket of
/// `old_sockets`, which the old process opened, is used instead of a new one if it is bound to that
/// address; the others are closed. Throws ListenError; `old_sockets` is then unchanged.
[[nodiscard]] OpenedListeners open_listeners(const Config::Listen& listen,
                                             std::vector<Listener>&& old_sockets);

} // namespace echod
