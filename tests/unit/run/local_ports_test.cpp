// SPDX-License-Identifier: MIT
#include "client/run/local_ports.hpp"
#include "client/run/resolve.hpp"

#include <gtest/gtest.h>

#include <fstream>

using namespace echoload;

TEST(LocalPorts, AreCountedForAllConnectionsToAnAddressAndOnceForOneGivenTwice) {
    std::optional<SourceRange> source;
    const auto check = [&source](std::uint64_t connections, const std::vector<std::string>& texts) {
        check_local_ports(connections, source, resolve_targets(texts));
    };
    std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    ASSERT_TRUE(range >> first >> last);
    const std::uint64_t ports = last - first + 1;
    EXPECT_NO_THROW(check(ports, {"127.0.0.1:1"}));
    EXPECT_NO_THROW(check(ports, {"127.0.0.1:1", "127.0.0.1:2"}));
    EXPECT_NO_THROW(check(ports + 2, {"127.0.0.1:1", "127.0.0.1:2"}));
    EXPECT_THROW(check(ports + 2, {"127.0.0.1:1", "127.0.0.1:1"}), NotPossible);
    EXPECT_THROW(check(ports + 1, {"127.0.0.1:1"}), NotPossible);
    source = SourceRange::parse("127.0.0.0/8");
    EXPECT_NO_THROW(check(ports + 1, {"127.0.0.1:1"}));
}

TEST(LocalPorts, TooFewAreRefusedUnlessThereAreMoreSources) {
    constexpr std::uint64_t kConnections = 70'000; // an address has 65,535 ports at most
    const std::vector<Target> targets = resolve_targets({"127.0.0.1:7"});
    try {
        check_local_ports(kConnections, std::nullopt, targets);
        FAIL() << "it was accepted";
    } catch (const NotPossible& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find("ip_local_port_range"), std::string::npos) << what;
        EXPECT_NE(what.find("--source"), std::string::npos) << what;
    }
    EXPECT_NO_THROW(check_local_ports(kConnections, SourceRange::parse("127.0.0.0/8"), targets));
    EXPECT_NO_THROW(check_local_ports(kConnections, std::nullopt, resolve_targets({"unix:/x"})))
        << "a unix socket has no ports";
}

TEST(LocalPorts, ASourceReachesOnlyTargetsOfItsOwnFamily) {
    const SourceRange source = SourceRange::parse("::1");
    std::vector<Target> targets = resolve_targets({"127.0.0.1:7"});
    EXPECT_THROW(keep_reachable(source, targets), NotPossible);
    std::vector<Target> both = {
        {"both:7", {*echod::parse_ip("127.0.0.1", 7), *echod::parse_ip("::1", 7)}}};
    keep_reachable(source, both);
    ASSERT_EQ(both[0].addresses.size(), 1U);
    EXPECT_EQ(both[0].addresses[0].to_string(), "[::1]:7");
}

TEST(LocalPorts, ReservedOnesOfTheRangeAreCounted) {
    EXPECT_EQ(count_reserved("", 32768, 60999), 0U);
    EXPECT_EQ(count_reserved("8080", 32768, 60999), 0U);
    EXPECT_EQ(count_reserved("32768,40000-40009,60999", 32768, 60999), 12U);
    EXPECT_EQ(count_reserved("1-32868", 32768, 60999), 101U);
    EXPECT_EQ(count_reserved("60000-65535,nonsense", 32768, 60999), 1000U);
}
