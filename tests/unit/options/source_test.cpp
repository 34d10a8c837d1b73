// SPDX-License-Identifier: MIT
#include "client/options/source.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace echoload;

namespace {

std::string at(const char* text, std::uint64_t number) {
    return SourceRange::parse(text).of(number).to_string();
}

} // namespace

TEST(SourceRange, AllConnectionsUseASingleAddress) {
    EXPECT_EQ(SourceRange::parse("127.0.0.5").count(), 1U);
    EXPECT_EQ(at("127.0.0.5", 0), "127.0.0.5:0");
    EXPECT_EQ(at("127.0.0.5", 77), "127.0.0.5:0");
    EXPECT_EQ(at("::1", 3), "[::1]:0");
}

TEST(SourceRange, TheHostsOfANetworkTakeTurns) {
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

TEST(SourceRange, AnInvalidAddressOrNetworkIsRefused) {
    for (const char* text : {"", "localhost", "127.0.0.1/", "127.0.0.0/0", "127.0.0.0/33",
                             "127.0.0.1/8", "10.0.0.0/x", "::/0", "fd00::1/64"}) {
        EXPECT_THROW((void)SourceRange::parse(text), std::invalid_argument) << text;
    }
}
