// SPDX-License-Identifier: MIT
#include "server/clients/ip_counts.hpp"

#include "base/uint128.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace echod {

namespace {

// The two halves of the 128-bit product, combined.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    const Uint128 product = Uint128::product(a, b);
    return product.low() ^ product.high();
}

std::array<std::uint64_t, 2> draw_secret() noexcept {
    std::array<std::uint64_t, 2> secret = {0x9e3779b97f4a7c15U, 0xbf58476d1ce4e5b9U};
    if (::getrandom(secret.data(), sizeof secret, GRND_NONBLOCK) < 0) {
        secret[0] ^=
            static_cast<std::uint64_t>(::getpid()); // no entropy yet: the machine is booting
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

bool IpCounts::configure(unsigned ipv6_prefix, std::vector<IpNetwork> exempt) noexcept {
    const bool same = ipv6_prefix == ipv6_prefix_ && exempt == exempt_;
    ipv6_prefix_ = ipv6_prefix;
    exempt_ = std::move(exempt);
    return !same;
}

std::optional<IpCounts::Key> IpCounts::key_of(const Endpoint& peer) const noexcept {
    const std::optional<IpBytes> address = ip_bytes(peer);
    if (!address || std::any_of(exempt_.begin(), exempt_.end(), [&](const IpNetwork& network) {
            return network.contains(*address);
        })) {
        return std::nullopt;
    }
    const bool link_local = (*address)[0] == std::byte{0xfe} &&
                            ((*address)[1] & std::byte{0xc0}) == std::byte{0x80}; // fe80::/10
    return link_local || is_mapped(*address) ? address : prefix_of(*address, ipv6_prefix_);
}

std::uint32_t IpCounts::count(const Endpoint& peer) const noexcept {
    const std::optional<Key> key = key_of(peer);
    const auto found = key ? counts_.find(*key) : counts_.end();
    return found == counts_.end() ? 0 : found->second;
}

IpCounts::Entry* IpCounts::acquire(const Endpoint& peer) {
    const std::optional<Key> key = key_of(peer);
    if (!key) {
        return nullptr;
    }
    Entry& entry = *counts_.try_emplace(*key, 0).first;
    ++entry.second;
    return &entry;
}

Endpoint IpCounts::address_of(const Entry* entry) noexcept {
    return entry == nullptr ? Endpoint{} : endpoint_of(entry->first, 0);
}

void IpCounts::release(Entry* entry) noexcept {
    if (entry != nullptr && --entry->second == 0) {
        const Key key = entry->first; // erase() destroys entry->first
        counts_.erase(key);
    }
}

} // namespace echod
