// SPDX-License-Identifier: MIT
#include "server/clients/ip_counts.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace echod;

TEST(IpCounts, CountsByAddressWhateverThePort) {
    IpCounts counts;
    const Endpoint one = *parse_ip("192.0.2.1", 1000);
    IpCounts::Entry* first = counts.acquire(one);
    IpCounts::Entry* second = counts.acquire(*parse_ip("192.0.2.1", 2000));
    EXPECT_EQ(counts.count(one), 2U);
    EXPECT_EQ(counts.count(*parse_ip("192.0.2.2", 1000)), 0U);
    counts.release(first);
    counts.release(second);
    EXPECT_EQ(counts.count(one), 0U);
}

TEST(IpCounts, AMappedAddressIsTheIPv4One) {
    IpCounts counts;
    IpCounts::Entry* entry = counts.acquire(*parse_ip("::ffff:192.0.2.1", 1));
    EXPECT_EQ(counts.count(*parse_ip("192.0.2.1", 2)), 1U);
    counts.release(entry);
}

TEST(IpCounts, AUnixPeerIsNotCounted) {
    IpCounts counts;
    const Endpoint peer = resolve_target("unix:/x").front();
    EXPECT_EQ(counts.acquire(peer), nullptr);
    EXPECT_EQ(counts.count(peer), 0U);
    counts.release(nullptr);
}

TEST(IpCounts, ManyAddressesOfOneNetworkAreCounted) {
    IpCounts counts;
    std::vector<IpCounts::Entry*> entries;
    for (int i = 0; i < 10'000; ++i) {
        const std::string text = "2001:db8::" + std::to_string(i % 5000);
        entries.push_back(counts.acquire(*parse_ip(text, 1)));
    }
    EXPECT_EQ(counts.count(*parse_ip("2001:db8::77", 2)), 2U);
    for (IpCounts::Entry* entry : entries) {
        counts.release(entry);
    }
    EXPECT_EQ(counts.count(*parse_ip("2001:db8::77", 2)), 0U);
}

TEST(IpCounts, IPv6AddressesThatShareThePrefixCountAsOne) {
    IpCounts counts;
    counts.configure(64, {});
    IpCounts::Entry* one = counts.acquire(*parse_ip("2001:db8:0:1::1", 1));
    IpCounts::Entry* other = counts.acquire(*parse_ip("2001:db8:0:1:ffff::2", 1));
    EXPECT_EQ(counts.count(*parse_ip("2001:db8:0:1::3", 1)), 2U);
    EXPECT_EQ(counts.count(*parse_ip("2001:db8:0:2::1", 1)), 0U);
    EXPECT_EQ(IpCounts::address_of(one).to_string(), "[2001:db8:0:1::]:0");
    counts.release(one);
    counts.release(other);
}

TEST(IpCounts, ThePrefixDoesNotJoinIPv4OrLinkLocalAddresses) {
    IpCounts counts;
    counts.configure(64, {});
    for (const char* text : {"192.0.2.1", "::ffff:192.0.2.2", "fe80::1", "fe80::2"}) {
        const Endpoint peer = *parse_ip(text, 1);
        EXPECT_EQ(counts.count(peer), 0U) << text;
        (void)counts.acquire(peer);
        EXPECT_EQ(counts.count(peer), 1U) << text;
    }
}

TEST(IpCounts, ExemptNetworksAreNotCounted) {
    IpCounts counts;
    EXPECT_TRUE(counts.configure(64, {*parse_network("192.0.2.0/24")}));
    EXPECT_FALSE(counts.configure(64, {*parse_network("192.0.2.0/24")})) << "nothing has changed";
    EXPECT_EQ(counts.acquire(*parse_ip("192.0.2.9", 1)), nullptr);
    EXPECT_EQ(counts.acquire(*parse_ip("::ffff:192.0.2.9", 1)), nullptr);
    EXPECT_EQ(counts.count(*parse_ip("192.0.2.9", 1)), 0U);
    IpCounts::Entry* entry = counts.acquire(*parse_ip("192.0.3.9", 1));
    EXPECT_NE(entry, nullptr);
    counts.release(entry);
}
