// SPDX-License-Identifier: MIT
#include "server/ip_counts.hpp"

#include <gtest/gtest.h>

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
