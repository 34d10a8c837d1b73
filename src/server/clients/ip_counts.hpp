// SPDX-License-Identifier: MIT
// How many connections each peer address or IPv6 network has.
#pragma once

#include "net/address.hpp"
#include "net/network.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace echod {

/// Counts connections by IP address. IPv6 addresses that share a prefix count as one, apart from
/// link-local ones, whose prefix all hosts of a link share. An IPv4-mapped IPv6 address counts as
/// the IPv4 address. Unix peers have no address and are not counted, nor are exempt networks.
class IpCounts {
    using Key = IpBytes;
    // Keyed, because peers choose their addresses: without a secret they could choose addresses
    // that collide, and each accept would search them all.
    struct Hash {
        std::array<std::uint64_t, 2> secret;
        [[nodiscard]] std::size_t operator()(const Key& key) const noexcept;
    };
    using Map = std::unordered_map<Key, std::uint32_t, Hash>;

public:
    /// Draws the secret of the hash (getrandom(2)).
    IpCounts();

    /// The count of one address; valid while it is not zero.
    using Entry = Map::value_type;

    /// Counts by prefixes of that length from now on, and no connections of the networks `exempt`.
    /// Returns false if nothing changed; otherwise the entries that exist must be released and
    /// acquired again.
    bool configure(unsigned ipv6_prefix, std::vector<IpNetwork> exempt) noexcept;

    /// Connections that `peer`'s address has now; 0 for a peer that is not counted.
    [[nodiscard]] std::uint32_t count(const Endpoint& peer) const noexcept;

    /// Adds one connection of `peer`; returns nullptr for a peer that is not counted. Throws
    /// std::bad_alloc.
    [[nodiscard]] Entry* acquire(const Endpoint& peer);

    /// The address that `entry` counts, with port 0; the first one of an IPv6 prefix; an empty
    /// Endpoint for nullptr.
    [[nodiscard]] static Endpoint address_of(const Entry* entry) noexcept;

    /// Removes one connection again; nullptr is ignored.
    void release(Entry* entry) noexcept;

private:
    [[nodiscard]] std::optional<Key> key_of(const Endpoint& peer) const noexcept;
    Map counts_;
    unsigned ipv6_prefix_ = 128;
    std::vector<IpNetwork> exempt_;
};

} // namespace echod
