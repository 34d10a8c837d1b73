// SPDX-License-Identifier: MIT
#include "net/address.hpp"

#include <gtest/gtest.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

using namespace echod;
using namespace std::string_view_literals;

namespace {

// The text of a unix address whose sun_path begins with `name`, up to its last byte.
std::string unix_text_of(std::string_view name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    const std::size_t size = offsetof(sockaddr_un, sun_path) + name.size();
    return Endpoint(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size))
        .to_string();
}

} // namespace

TEST(Address, NumericAddressesAreReadWithTheirPort) {
    EXPECT_EQ(parse_ip("127.0.0.1", 8007)->to_string(), "127.0.0.1:8007");
    EXPECT_EQ(parse_ip("::1", 8007)->to_string(), "[::1]:8007");
    EXPECT_EQ(parse_ip("0.0.0.0", 0)->to_string(), "0.0.0.0:0");
}

TEST(Address, OtherTextIsRefused) {
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
    EXPECT_EQ(resolve_target("tcp://127.0.0.1:7").front().to_string(), "127.0.0.1:7");
    EXPECT_EQ(resolve_target("tcp://[::1]:7").front().to_string(), "[::1]:7");
}

TEST(Address, TheErrorOfABadTargetNamesTheValidForms) {
    const std::string long_path = "unix:/" + std::string(200, 'x');
    for (const std::string& text :
         {std::string("localhost"), std::string(":80"), std::string("h:0"), std::string("h:65536"),
          std::string("h:80x"), std::string("::1:80"), std::string("unix:"),
          std::string("http://localhost:80"), std::string("https://localhost"), long_path}) {
        try {
            (void)resolve_target(text);
            ADD_FAILURE() << text << " was accepted";
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find("host:port"), std::string::npos)
                << error.what();
        }
    }
}

TEST(Address, AnUnresolvedHostHasItsOwnException) {
    try {
        (void)resolve_target("no-such-host.invalid:80"); // RFC 6761: never resolves
        ADD_FAILURE() << "it was resolved";
    } catch (const UnresolvedHost& error) {
        EXPECT_NE(std::string(error.what()).find("no-such-host.invalid:80"), std::string::npos);
    }
    EXPECT_THROW((void)resolve_target("localhost:0"), std::runtime_error);
}

TEST(Address, AUnixPathIsPrintedWithoutControlCharacters) {
    EXPECT_EQ(unix_text_of("\0\x1b]0;x\x07\nnext"sv), "unix:@?]0;x??next");
    EXPECT_EQ(unix_text_of("\0a\0b"sv), "unix:@a?b");
    EXPECT_EQ(unix_text_of("/run/\r\x7f"), "unix:/run/??");
    EXPECT_EQ(unix_text_of("/run/\x9b\xc2\x9b"), "unix:/run/???"); // C1, as a byte and in UTF-8
    EXPECT_EQ(unix_text_of("/run/\xff\xc3"), "unix:/run/??");
    EXPECT_EQ(unix_text_of("/run/b\u00fcro"), "unix:/run/b\u00fcro");
}

TEST(Address, AListenAddressIsAPortWithOrWithoutAHost) {
    const auto text_of = [](std::string_view text, std::string_view host) {
        const auto address = parse_listen_address(text, host);
        return address ? address->text() : "refused";
    };
    EXPECT_EQ(text_of("9808", "127.0.0.1"), "127.0.0.1:9808");
    EXPECT_EQ(text_of("9808", "::1"), "[::1]:9808") << "a host of its own has no brackets";
    EXPECT_EQ(text_of("[::]:0", "127.0.0.1"), "[::]:0");
    EXPECT_EQ(text_of("0.0.0.0:65535", "::1"), "0.0.0.0:65535");
    for (const char* refused : {"", ":", "9808:", "::1:9808", "[127.0.0.1]:9808", "[]:1", "[::1]",
                                "localhost:9808", "127.0.0.1:65536", "127.0.0.1:-1"}) {
        EXPECT_EQ(text_of(refused, "127.0.0.1"), "refused") << refused;
    }
}
