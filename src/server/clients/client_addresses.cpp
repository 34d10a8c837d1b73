// SPDX-License-Identifier: MIT
#include "server/clients/client_addresses.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace echod {

void ClientAddresses::configure(const Config::Limits& limits, std::vector<IpNetwork> exempt,
                                const ActivityList& open) noexcept {
    const bool anew = counts_.configure(limits.ipv6_prefix, std::move(exempt));
    const bool wanted = limits.max_connections_per_ip != 0;
    const bool was_wanted = std::exchange(limit_, limits.max_connections_per_ip) != 0;
    if (wanted == was_wanted && !(wanted && anew)) {
        return;
    }
    for (std::uint32_t slot = open.front(); slot != kNoIndex; slot = open.next(slot)) {
        Client& client = table_[slot];
        counts_.release(std::exchange(client.ip, nullptr));
        if (!wanted || client.connection.awaits_proxy_header()) {
            continue;
        }
        try {
            client.ip = counts_.acquire(endpoint(slot));
        } catch (const std::bad_alloc&) {
            return; // connections that are not counted do not use up their address's limit
        }
    }
}

void ClientAddresses::configure_proxy(ProxyProtocol protocol,
                                      std::vector<IpNetwork> from) noexcept {
    protocol_ = protocol;
    from_ = std::move(from);
}

FirstInput ClientAddresses::first_input(const Endpoint& peer) const noexcept {
    if (protocol_ == ProxyProtocol::off) {
        return FirstInput::message;
    }
    const std::optional<IpBytes> address = ip_bytes(peer);
    const bool may_send =
        !address || std::any_of(from_.begin(), from_.end(), [&address](const IpNetwork& network) {
            return network.contains(*address);
        });
    return may_send ? FirstInput::header : FirstInput::not_served;
}

void ClientAddresses::count(std::uint32_t slot, const Endpoint& address) {
    table_[slot].ip = limit_ != 0 ? counts_.acquire(address) : nullptr;
}

Endpoint ClientAddresses::counted(const ParkedConnection& parked, const Endpoint& peer) noexcept {
    if (parked.source.named) {
        return endpoint_of(parked.source.address, parked.source.port);
    }
    return parked.proxy_expected && !parked.invalid ? Endpoint{} : peer;
}

bool ClientAddresses::name(std::uint32_t slot, const ProxySource& source) noexcept {
    if (!source.named) {
        return true;
    }
    try {
        named_.resize(std::max<std::size_t>(named_.size(), std::size_t{slot} + 1));
    } catch (const std::bad_alloc&) {
        return false;
    }
    named_[slot] = source;
    table_[slot].proxied = true;
    return true;
}

std::optional<CloseReason> ClientAddresses::apply(std::uint32_t slot,
                                                  const ProxySource& source) noexcept {
    if (!name(slot, source)) {
        return CloseReason::io_error;
    }
    if (limit_ == 0) {
        return std::nullopt;
    }
    const Endpoint address = endpoint(slot);
    if (counts_.count(address) >= limit_) {
        return CloseReason::per_ip;
    }
    try {
        count(slot, address);
    } catch (const std::bad_alloc&) {
        return CloseReason::io_error;
    }
    return std::nullopt;
}

Endpoint ClientAddresses::endpoint(std::uint32_t slot) const noexcept {
    const Client& client = table_[slot];
    return client.proxied ? endpoint_of(named_[slot].address, named_[slot].port)
                          : peer_endpoint(client.connection.fd());
}

} // namespace echod
