// SPDX-License-Identifier: MIT
#include "server/ip_counts.hpp"

#include <netinet/in.h>

#include <cstring>
#include <functional>
#include <string_view>

namespace echod {

std::size_t IpCounts::Hash::operator()(const Key& key) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(key.data()), key.size()});
}

bool IpCounts::key_of(const Endpoint& peer, Key& key) noexcept {
    if (peer.family() == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(peer.address());
        std::memcpy(key.data(), &v6->sin6_addr, key.size());
        return true;
    }
    if (peer.family() == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(peer.address());
        key = {}; // ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)
        key[10] = key[11] = std::byte{0xff};
        std::memcpy(key.data() + 12, &v4->sin_addr, 4);
        return true;
    }
    return false;
}

std::uint32_t IpCounts::count(const Endpoint& peer) const noexcept {
    Key key;
    if (!key_of(peer, key)) {
        return 0;
    }
    const auto found = counts_.find(key);
    return found == counts_.end() ? 0 : found->second;
}

IpCounts::Entry* IpCounts::acquire(const Endpoint& peer) {
    Key key;
    if (!key_of(peer, key)) {
        return nullptr;
    }
    Entry& entry = *counts_.try_emplace(key, 0).first;
    ++entry.second;
    return &entry;
}

void IpCounts::release(Entry* entry) noexcept {
    if (entry != nullptr && --entry->second == 0) {
        const Key key = entry->first; // erase() must not be given what it destroys
        counts_.erase(key);
    }
}

} // namespace echod
