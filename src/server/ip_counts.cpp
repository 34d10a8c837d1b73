// SPDX-License-Identifier: MIT
#include "server/ip_counts.hpp"

#include <netinet/in.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstring>

namespace echod {

namespace {

// Both halves of the whole product.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::array<std::uint64_t, 2> draw_secret() noexcept {
    std::array<std::uint64_t, 2> secret = {0x9e3779b97f4a7c15U, 0xbf58476d1ce4e5b9U};
    if (::getrandom(secret.data(), sizeof secret, GRND_NONBLOCK) < 0) {
        secret[0] ^= static_cast<std::uint64_t>(::getpid()); // a machine that has only just booted
    }
    return secret;
}

} // namespace

IpCounts::IpCounts() : counts_(0, Hash{draw_secret()}) {}

std::size_t IpCounts::Hash::operator()(const Key& key) const noexcept {
    std::array<std::uint64_t, 2> words{};
    static_assert(sizeof words == sizeof key);
    std::memcpy(words.data(), key.data(), sizeof words);
    return fold(fold(words[0] ^ secret[0], words[1] ^ secret[1]) ^ secret[0], secret[1]);
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

Endpoint IpCounts::address_of(const Entry* entry) noexcept {
    if (entry == nullptr) {
        return {};
    }
    const Key& key = entry->first;
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, key.data(), key.size());
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        return {reinterpret_cast<const sockaddr*>(&v6), sizeof v6};
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, key.data() + 12, 4);
    return {reinterpret_cast<const sockaddr*>(&v4), sizeof v4};
}

void IpCounts::release(Entry* entry) noexcept {
    if (entry != nullptr && --entry->second == 0) {
        const Key key = entry->first; // erase() must not be given what it destroys
        counts_.erase(key);
    }
}

} // namespace echod
