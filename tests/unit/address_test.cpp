// SPDX-License-Identifier: MIT
#include "net/address.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

using namespace echod;

TEST(Address, NumericAddressesAreReadWithTheirPort) {
    EXPECT_EQ(parse_ip("127.0.0.1", 8007)->to_string(), "127.0.0.1:8007");
    EXPECT_EQ(parse_ip("::1", 8007)->to_string(), "[::1]:8007");
    EXPECT_EQ(parse_ip("0.0.0.0", 0)->to_string(), "0.0.0.0:0");
}

TEST(Address, WhatIsNoNumericAddressIsRefused) {
    for (const char* text : {"", "localhost", "127.1", "0x7f.0.0.1", "1.2.3.4.5", "1.2.3.256",
                             ":::", "::1/64", "[::1]", " 127.0.0.1"}) {
        EXPECT_FALSE(parse_ip(text, 1)) << text;
    }
}

TEST(Address, TargetsAreReadInAllThreeForms) {
    EXPECT_EQ(resolve_target("127.0.0.1:7").front().to_string(), "127.0.0.1:7");
    EXPECT_EQ(resolve_target("[::1]:65535").front().to_string(), "[::1]:65535");
    EXPECT_EQ(resolve_target("unix:/run/x.sock").front().to_string(), "unix:/run/x.sock");
    EXPECT_EQ(resolve_target("unix:@name").front().to_string(), "unix:@name");
}

TEST(Address, ABadTargetIsNamedWithWhatWouldBeRight) {
    const std::string long_path = "unix:/" + std::string(200, 'x');
    for (const std::string& text :
         {std::string("localhost"), std::string(":80"), std::string("h:0"), std::string("h:65536"),
          std::string("h:80x"), std::string("::1:80"), std::string("unix:"), long_path}) {
        try {
            (void)resolve_target(text);
            ADD_FAILURE() << text << " was taken";
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find("host:port"), std::string::npos)
                << error.what();
        }
    }
}

TEST(Address, AHostThatHasNoAddressIsToldApartFromABadTarget) {
    try {
        (void)resolve_target("no-such-host.invalid:80"); // RFC 6761: never resolves
        ADD_FAILURE() << "it was resolved";
    } catch (const UnresolvedHost& error) {
        EXPECT_NE(std::string(error.what()).find("no-such-host.invalid:80"), std::string::npos);
    }
    EXPECT_THROW((void)resolve_target("localhost:0"), std::runtime_error);
}
