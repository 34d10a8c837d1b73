// SPDX-License-Identifier: MIT
#include "net/network.hpp"

#include <gtest/gtest.h>

using namespace echod;

namespace {

bool is_in(std::string_view address, std::string_view network) {
    return parse_network(network).value().contains(*ip_bytes(*parse_ip(address, 1)));
}

} // namespace

TEST(IpNetwork, ContainsTheAddressesWithItsPrefix) {
    EXPECT_TRUE(is_in("192.0.2.255", "192.0.2.0/24"));
    EXPECT_FALSE(is_in("192.0.3.0", "192.0.2.0/24"));
    EXPECT_TRUE(is_in("192.0.2.131", "192.0.2.130/31"));
    EXPECT_FALSE(is_in("192.0.2.132", "192.0.2.130/31"));
    EXPECT_TRUE(is_in("2001:db8:7::1", "2001:db8::/32"));
    EXPECT_FALSE(is_in("2001:db9::1", "2001:db8::/32"));
}

TEST(IpNetwork, AnAddressAloneIsANetworkOfOne) {
    EXPECT_TRUE(is_in("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(is_in("192.0.2.2", "192.0.2.1"));
    EXPECT_TRUE(is_in("2001:db8::1", "2001:db8::1"));
    EXPECT_FALSE(is_in("2001:db8::2", "2001:db8::1"));
}

TEST(IpNetwork, AMappedAddressIsTheIPv4One) {
    EXPECT_TRUE(is_in("::ffff:192.0.2.1", "192.0.2.0/24"));
    EXPECT_TRUE(is_in("192.0.2.1", "::ffff:192.0.2.0/120"));
    EXPECT_TRUE(is_in("192.0.2.1", "0.0.0.0/0"));
    EXPECT_FALSE(is_in("192.0.2.1", "::/0"));
    EXPECT_TRUE(is_in("2001:db8::1", "::/0"));
    EXPECT_FALSE(is_in("2001:db8::1", "0.0.0.0/0"));
}

TEST(IpNetwork, OtherTextsAreNoNetworks) {
    for (const std::string_view text :
         {"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/ 24",
          "192.0.2.0/24/1", "192.0.2.1/24", "192.0.2", "2001:db8::/129", "2001:db8::1/64",
          "fe80::1%lo", "localhost", "unix:/x"}) {
        EXPECT_FALSE(parse_network(text)) << text;
    }
}

TEST(IpNetwork, AUnixPeerHasNoAddress) {
    EXPECT_FALSE(ip_bytes(resolve_target("unix:/x").front()));
    EXPECT_FALSE(ip_bytes(Endpoint{}));
}
