// SPDX-License-Identifier: MIT
// The address of each client: that of its peer, or the one that a PROXY header named.
#pragma once

#include "net/address.hpp"
#include "net/network.hpp"
#include "server/clients/activity_list.hpp"
#include "server/clients/client_table.hpp"
#include "server/clients/ip_counts.hpp"
#include "server/clients/parked_connection.hpp"
#include "server/config/config.hpp"
#include "wire/proxy_header.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace echod {

/// What the input of a new connection has to begin with.
enum class FirstInput : std::uint8_t {
    message,    ///< listen.proxy_protocol is "off"
    header,     ///< the PROXY header of a peer that may send one
    not_served, ///< the peer may send no header, and nothing else is accepted
};

/// Says which peers begin with a PROXY header, stores the address that it named, and counts the
/// connections of each address while limits.max_connections_per_ip is set. It has no memory for
/// named addresses until there is the first.
class ClientAddresses {
public:
    /// Borrows `table` for its life.
    explicit ClientAddresses(ClientTable& table) noexcept : table_(table) {}

    /// Applies limits.max_connections_per_ip, limits.ipv6_prefix and limits.per_ip_exempt. If a
    /// reload sets the limit, or changes what counts as one address, the `open` connections are
    /// counted here.
    void configure(const Config::Limits& limits, std::vector<IpNetwork> exempt,
                   const ActivityList& open) noexcept;

    /// Applies listen.proxy_protocol and listen.proxy_from (`from`) to new connections.
    void configure_proxy(ProxyProtocol protocol, std::vector<IpNetwork> from) noexcept;

    /// What a connection of `peer` begins with. Peers of unix sockets may always send a header: the
    /// mode of the socket says who can connect.
    [[nodiscard]] FirstInput first_input(const Endpoint& peer) const noexcept;

    /// Connections that count for `peer`'s address; 0 for one that sends a PROXY header, because
    /// that names the address to be counted.
    [[nodiscard]] std::uint32_t held_by(const Endpoint& peer) const noexcept {
        return first_input(peer) == FirstInput::header ? 0 : counts_.count(peer);
    }

    /// Counts the new connection in `slot` for `address`, if addresses are counted. Throws
    /// std::bad_alloc.
    void count(std::uint32_t slot, const Endpoint& address);

    /// The address that a connection which is restored counts for; an empty one while its header is
    /// not complete.
    [[nodiscard]] static Endpoint counted(const ParkedConnection& parked,
                                          const Endpoint& peer) noexcept;

    /// Makes `source` the address of the client in `slot`; returns false if memory is out.
    [[nodiscard]] bool name(std::uint32_t slot, const ProxySource& source) noexcept;

    /// The same for a header that has just been read, and counts the connection. Returns why it has
    /// to be closed, if it has to.
    [[nodiscard]] std::optional<CloseReason> apply(std::uint32_t slot,
                                                   const ProxySource& source) noexcept;

    /// The address that a header named for the client in `slot`, if one did.
    [[nodiscard]] ProxySource source(std::uint32_t slot) const noexcept {
        return table_[slot].proxied ? named_[slot] : ProxySource{};
    }

    /// The address of the client in `slot`; an empty Endpoint if the kernel no longer knows it.
    [[nodiscard]] Endpoint endpoint(std::uint32_t slot) const noexcept;

    /// Ends the count of the connection in `slot`.
    void release(std::uint32_t slot) noexcept { counts_.release(table_[slot].ip); }

private:
    ClientTable& table_;
    std::uint32_t limit_ = 0; ///< limits.max_connections_per_ip; 0: nothing is counted
    IpCounts counts_;
    ProxyProtocol protocol_ = ProxyProtocol::off;
    std::vector<IpNetwork> from_;
    std::vector<ProxySource> named_; ///< by slot
};

} // namespace echod
