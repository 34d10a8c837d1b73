// SPDX-License-Identifier: MIT
#include "client/preflight.hpp"
#include "client/source.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace echoload;

namespace {

std::string at(const char* text, std::uint64_t number) {
    return SourceRange::parse(text).of(number).to_string();
}

} // namespace

TEST(SourceRange, OneAddressIsThatOfAllConnections) {
    EXPECT_EQ(SourceRange::parse("127.0.0.5").count(), 1U);
    EXPECT_EQ(at("127.0.0.5", 0), "127.0.0.5:0");
    EXPECT_EQ(at("127.0.0.5", 77), "127.0.0.5:0");
    EXPECT_EQ(at("::1", 3), "[::1]:0");
}

TEST(SourceRange, ANetworkGivesItsHostsInTurn) {
    EXPECT_EQ(SourceRange::parse("127.0.0.0/30").count(), 2U);
    EXPECT_EQ(at("127.0.0.0/30", 0), "127.0.0.1:0");
    EXPECT_EQ(at("127.0.0.0/30", 1), "127.0.0.2:0");
    EXPECT_EQ(at("127.0.0.0/30", 2), "127.0.0.1:0");
    EXPECT_EQ(SourceRange::parse("127.0.0.0/8").count(), (1U << 24U) - 2);
    EXPECT_EQ(at("127.0.0.0/8", 255), "127.0.1.0:0");
    EXPECT_EQ(SourceRange::parse("10.0.0.6/31").count(), 2U);
    EXPECT_EQ(at("10.0.0.6/31", 1), "10.0.0.7:0");
    EXPECT_EQ(SourceRange::parse("10.0.0.7/32").count(), 1U);
    EXPECT_EQ(at("fd00::/64", 65535), "[fd00::1:0]:0");
}

TEST(SourceRange, WhatIsNoAddressOrNetworkIsRefused) {
    for (const char* text : {"", "localhost", "127.0.0.1/", "127.0.0.0/0", "127.0.0.0/33",
                             "127.0.0.1/8", "10.0.0.0/x", "::/0", "fd00::1/64"}) {
        EXPECT_THROW((void)SourceRange::parse(text), std::invalid_argument) << text;
    }
}

TEST(Preflight, MoreConnectionsThanPortsAreRefusedUnlessThereAreMoreSources) {
    Options options;
    options.connections = 70'000; // an address has 65,535 ports at most
    std::vector<Target> targets = resolve_targets({"127.0.0.1:7"});
    try {
        check_sources(options, targets);
        FAIL() << "it was taken";
    } catch (const NotPossible& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find("ip_local_port_range"), std::string::npos) << what;
        EXPECT_NE(what.find("--source"), std::string::npos) << what;
    }
    options.source = SourceRange::parse("127.0.0.0/8");
    EXPECT_NO_THROW(check_sources(options, targets));
    options.source.reset();
    std::vector<Target> local = resolve_targets({"unix:/x"});
    EXPECT_NO_THROW(check_sources(options, local)) << "a unix socket has no ports";
}

TEST(Preflight, ASourceReachesTargetsOfItsOwnKindAlone) {
    Options options;
    options.source = SourceRange::parse("::1");
    std::vector<Target> targets = resolve_targets({"127.0.0.1:7"});
    EXPECT_THROW(check_sources(options, targets), NotPossible);
    std::vector<Target> both = {
        {"both:7", {*echod::parse_ip("127.0.0.1", 7), *echod::parse_ip("::1", 7)}}};
    check_sources(options, both);
    ASSERT_EQ(both[0].addresses.size(), 1U);
    EXPECT_EQ(both[0].addresses[0].to_string(), "[::1]:7");
}

TEST(Preflight, MoreThanTheMemoryHoldsIsRefused) {
    Options options;
    options.connections = 1'000'000;
    options.pipeline = 65'536; // two terabytes
    EXPECT_THROW(check_memory(options), NotPossible);
    options.connections = 10;
    options.pipeline = 1;
    EXPECT_NO_THROW(check_memory(options));
}
