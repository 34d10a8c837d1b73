// SPDX-License-Identifier: MIT
#include "server/ip_counts.hpp"

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

TEST(IpCounts, ALargeCrowdOfOneNetworkIsCountedRight) {
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
