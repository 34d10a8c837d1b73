// SPDX-License-Identifier: MIT
#include "server/clients/client_addresses.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

using namespace echod;

namespace {

ProxySource source_of(const char* address, std::uint16_t port = 4711) {
    return {*ip_bytes(*parse_ip(address, 0)), port, true};
}

class ClientAddressesTest : public testing::Test {
protected:
    ClientAddressesTest() { limits.max_connections_per_ip = 1; }
    void configure() { addresses.configure(limits, {}, open); }
    std::uint32_t add() {
        const std::uint32_t slot = table.allocate();
        open.add(slot, TimePoint{});
        return slot;
    }

    Config::Limits limits;
    ClientTable table;
    ActivityList open{table};
    ClientAddresses addresses{table};
};

} // namespace

TEST_F(ClientAddressesTest, OnlyListedNetworksAndUnixSocketsMaySendAHeader) {
    const Endpoint listed = *parse_ip("192.0.2.7", 1);
    EXPECT_EQ(addresses.first_input(listed), FirstInput::message);
    addresses.configure_proxy(ProxyProtocol::required,
                              {*parse_network("192.0.2.0/24"), *parse_network("2001:db8::/32")});
    EXPECT_EQ(addresses.first_input(listed), FirstInput::header);
    EXPECT_EQ(addresses.first_input(*parse_ip("2001:db8::7", 1)), FirstInput::header);
    EXPECT_EQ(addresses.first_input(*parse_ip("::ffff:192.0.2.7", 1)), FirstInput::header);
    EXPECT_EQ(addresses.first_input(*parse_ip("192.0.3.7", 1)), FirstInput::not_served);
    EXPECT_EQ(addresses.first_input(*parse_ip("::1", 1)), FirstInput::not_served);
    const sockaddr unnamed{AF_UNIX, {}};
    EXPECT_EQ(addresses.first_input({&unnamed, sizeof unnamed.sa_family}), FirstInput::header);
    addresses.configure_proxy(ProxyProtocol::off, {*parse_network("192.0.2.0/24")});
    EXPECT_EQ(addresses.first_input(listed), FirstInput::message);
}

TEST_F(ClientAddressesTest, TheLimitIsThatOfTheNamedAddress) {
    configure();
    const std::uint32_t first = add();
    const std::uint32_t second = add();
    const std::uint32_t other = add();
    EXPECT_EQ(addresses.apply(first, source_of("192.0.2.1")), std::nullopt);
    EXPECT_EQ(addresses.apply(second, source_of("192.0.2.1")), CloseReason::per_ip);
    EXPECT_EQ(addresses.apply(other, source_of("192.0.2.2")), std::nullopt);
    EXPECT_EQ(addresses.endpoint(first).to_string(), "192.0.2.1:4711");
    EXPECT_EQ(addresses.source(other), source_of("192.0.2.2"));
    addresses.release(first);
    EXPECT_EQ(addresses.apply(second, source_of("192.0.2.1")), std::nullopt);
}

TEST_F(ClientAddressesTest, ALimitThatIsSetLaterCountsTheNamedAddresses) {
    limits.max_connections_per_ip = 0;
    configure();
    const std::uint32_t first = add();
    EXPECT_EQ(addresses.apply(first, source_of("192.0.2.1")), std::nullopt);
    EXPECT_EQ(addresses.held_by(*parse_ip("192.0.2.1", 1)), 0U);
    limits.max_connections_per_ip = 1;
    configure();
    EXPECT_EQ(addresses.held_by(*parse_ip("192.0.2.1", 1)), 1U);
}

TEST_F(ClientAddressesTest, ASlotThatIsUsedAgainHasNoNamedAddress) {
    const std::uint32_t slot = add();
    ASSERT_TRUE(addresses.name(slot, source_of("192.0.2.1")));
    open.remove(slot);
    table.release(slot);
    ASSERT_EQ(add(), slot);
    EXPECT_FALSE(addresses.source(slot).named);
}

TEST_F(ClientAddressesTest, ARestoredConnectionCountsForWhatIsKnown) {
    const Endpoint peer = *parse_ip("192.0.2.7", 1);
    ParkedConnection parked;
    EXPECT_EQ(ClientAddresses::counted(parked, peer).to_string(), peer.to_string());
    parked.proxy_expected = true;
    EXPECT_EQ(ClientAddresses::counted(parked, peer).length(), 0U);
    parked.invalid = true;
    EXPECT_EQ(ClientAddresses::counted(parked, peer).to_string(), peer.to_string());
    parked = {};
    parked.source = source_of("198.51.100.1");
    EXPECT_EQ(ClientAddresses::counted(parked, peer).to_string(), "198.51.100.1:4711");
}
