// SPDX-License-Identifier: MIT
// How many connections each peer address holds.
#pragma once

#include "net/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace echod {

/// Counts connections by IP address; an IPv4-mapped IPv6 address is the IPv4 one. Unix peers have
/// no address and are not counted.
class IpCounts {
    using Key = std::array<std::byte, 16>;
    // Keyed, for peers choose their addresses: whoever could make them meet in one bucket would
    // make every accept as slow as they are many.
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

    /// Connections that `peer`'s address holds now; 0 for a unix peer.
    [[nodiscard]] std::uint32_t count(const Endpoint& peer) const noexcept;

    /// Counts one more for `peer`; nullptr for a unix peer. Throws std::bad_alloc.
    [[nodiscard]] Entry* acquire(const Endpoint& peer);

    /// The address that `entry` counts, with port 0; an empty Endpoint for nullptr.
    [[nodiscard]] static Endpoint address_of(const Entry* entry) noexcept;

    /// Undoes one acquire(); nullptr is fine.
    void release(Entry* entry) noexcept;

private:
    [[nodiscard]] static bool key_of(const Endpoint& peer, Key& key) noexcept;
    Map counts_;
};

} // namespace echod
