// SPDX-License-Identifier: MIT
#include "net/network.hpp"
#include "wire/crc32c.hpp"
#include "wire/frame.hpp"
#include "wire/proxy_header.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace echod;

namespace {

// A header of version 2 of these parts; the length is computed.
std::string binary(int command, int family, std::string_view rest) {
    std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
    header += static_cast<char>(command);
    header += static_cast<char>(family);
    header += static_cast<char>(rest.size() >> 8);
    header += static_cast<char>(rest.size() & 0xff);
    return header += rest;
}

std::string tlv(char type, std::string_view value) {
    std::string text(1, type);
    text += static_cast<char>(value.size() >> 8);
    text += static_cast<char>(value.size() & 0xff);
    return text += value;
}

const std::string kInet("\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x67\x1f\x47", 12);
const std::string kInet6 = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16) +
                           std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16) +
                           std::string("\x12\x67\x1f\x47", 4);

// The header with the checksum of all of it in place of the four bytes at its end.
std::string with_checksum(std::string header) {
    header.replace(header.size() - 4, 4, 4, '\0');
    const std::uint32_t crc = crc32c(std::as_bytes(std::span(header)));
    for (std::size_t i = 0; i < 4; ++i) {
        header[header.size() - 4 + i] = static_cast<char>((crc >> (24 - 8 * i)) & 0xff);
    }
    return header;
}

ProxyHeader parse(std::string_view text) {
    // A copy of exactly that size, so that a sanitizer sees a read beyond it.
    const auto bytes = std::as_bytes(std::span(text));
    const std::vector<std::byte> copy(bytes.begin(), bytes.end());
    return parse_proxy_header(copy);
}

// "192.0.2.1:4711", "none", "incomplete" or "invalid".
std::string read(std::string_view text) {
    const ProxyHeader header = parse(text);
    if (header.parse != ProxyParse::complete) {
        return header.parse == ProxyParse::invalid ? "invalid" : "incomplete";
    }
    return header.source.named ? endpoint_of(header.source.address, header.source.port).to_string()
                               : "none";
}

const std::string kUnixPath(216, 'x');

const std::vector<std::string> kValid = {
    "PROXY TCP4 192.0.2.1 198.51.100.2 4711 8007\r\n",
    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
    "PROXY TCP6 2001:db8::1 2001:db8::2 4711 8007\r\n",
    "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
    "65535 65535\r\n",
    "PROXY UNKNOWN\r\n",
    "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
    binary(0x21, 0x11, kInet),
    binary(0x21, 0x21, kInet6),
    binary(0x21, 0x31, kUnixPath),
    binary(0x21, 0x00, ""),
    binary(0x20, 0x00, ""),
    binary(0x20, 0x11, kInet),
    binary(0x21, 0x11, kInet + tlv(0x04, "") + tlv(0x30, "name")),
    with_checksum(binary(0x21, 0x11, kInet + tlv(0x04, "pad") + tlv(0x03, "abcd"))),
    with_checksum(binary(0x20, 0x00, tlv(0x03, "abcd"))),
};

} // namespace

TEST(ProxyHeader, NamesTheClient) {
    EXPECT_EQ(read(kValid[0]), "192.0.2.1:4711");
    EXPECT_EQ(read(kValid[1]), "255.255.255.255:65535");
    EXPECT_EQ(read(kValid[2]), "[2001:db8::1]:4711");
    EXPECT_EQ(kValid[5].size(), 107U) << "the longest of version 1";
    EXPECT_EQ(read(binary(0x21, 0x11, kInet)), "192.0.2.1:4711");
    EXPECT_EQ(read(binary(0x21, 0x21, kInet6)), "[2001:db8::1]:4711");
    EXPECT_EQ(read("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0");
}

TEST(ProxyHeader, NamesNoneIfItIsUnknownLocalUnixOrDatagrams) {
    EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "none");
    EXPECT_EQ(read("PROXY UNKNOWN what follows is ignored\r\n"), "none");
    for (const int family : {0x00, 0x11, 0x21, 0x31, 0x7f}) {
        EXPECT_EQ(read(binary(0x20, family, kUnixPath)), "none") << "LOCAL ignores the family";
    }
    EXPECT_EQ(read(binary(0x20, 0x11, "")), "none") << "LOCAL ignores missing addresses";
    EXPECT_EQ(read(binary(0x21, 0x00, "rest")), "none");
    EXPECT_EQ(read(binary(0x21, 0x31, kUnixPath)), "none");
    EXPECT_EQ(read(binary(0x21, 0x12, kInet)), "none");
    EXPECT_EQ(read(binary(0x21, 0x22, kInet6)), "none");
}

TEST(ProxyHeader, IsIncompleteInEveryPrefixAndEndsWhereItEnds) {
    for (const std::string& header : kValid) {
        for (std::size_t length = 0; length < header.size(); ++length) {
            ASSERT_EQ(read(header.substr(0, length)), "incomplete") << header << length;
        }
        const ProxyHeader whole = parse(header);
        EXPECT_EQ(whole.parse, ProxyParse::complete) << header;
        EXPECT_EQ(whole.size, header.size());
        EXPECT_EQ(parse(header + std::string(2000, '\r')), whole);
        EXPECT_EQ(parse(header + header), whole);
    }
}

TEST(ProxyHeader, OfVersion1IsRefusedWithAnErrorInIt) {
    for (const char* wrong : {
             "X",
             "PROXX",
             "proxy TCP4",
             "PROXY\tTCP4",
             "GET / HTTP/1.1\r\n",
             "PROXY \r\n",
             "PROXY TCP4\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n",
             "PROXY TCP5 192.0.2.1 198.51.100.2 4711 8007\r\n",
             "PROXY UNKNOWNS\r\n",
             "PROXY  TCP4 192.0.2.1 198.51.100.2 4711 8007\r\n",
             "PROXY TCP4  192.0.2.1 198.51.100.2 4711 8007\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 4711 8007 \r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 4711 8007 1\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 4711 65536\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 04711 8007\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 -1 8007\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 +1 8007\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 4711 8007\n\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.2 4711 8007\r ",
             "PROXY TCP4 192.0.2 198.51.100.2 4711 8007\r\n",
             "PROXY TCP4 192.0.2.256 198.51.100.2 4711 8007\r\n",
             "PROXY TCP4 192.0.2.1 2001:db8::2 4711 8007\r\n",
             "PROXY TCP6 192.0.2.1 198.51.100.2 4711 8007\r\n",
             "PROXY TCP6 2001:db8::1%lo 2001:db8::2 4711 8007\r\n",
         }) {
        EXPECT_EQ(read(wrong), "invalid") << wrong;
    }
    const std::string nul("PROXY TCP4 192.0.2.1\0 198.51.100.2 4711 8007\r\n", 47);
    EXPECT_EQ(read(nul), "invalid");
}

TEST(ProxyHeader, OfVersion1HasAtMost107Bytes) {
    const std::string line = "PROXY UNKNOWN " + std::string(91, 'x');
    EXPECT_EQ(read(line), "incomplete");
    EXPECT_EQ(read(line + "\r\n"), "none");
    EXPECT_EQ(read(line + "x"), "invalid");
    EXPECT_EQ(read(line + "x\r\n"), "invalid");
}

TEST(ProxyHeader, OfVersion2IsRefusedWithAnErrorInIt) {
    EXPECT_EQ(read("\r\n\r\n\r"), "invalid");
    for (const int command : {0x01, 0x11, 0x22, 0x2f, 0x31}) {
        EXPECT_EQ(read(binary(command, 0x11, kInet)), "invalid");
    }
    for (const int family : {0x13, 0x1f, 0x41, 0x71}) {
        EXPECT_EQ(read(binary(0x21, family, kUnixPath)), "invalid");
    }
    EXPECT_EQ(read(binary(0x21, 0x11, kInet.substr(1))), "invalid");
    EXPECT_EQ(read(binary(0x21, 0x21, kInet6.substr(1))), "invalid");
    EXPECT_EQ(read(binary(0x21, 0x31, kUnixPath.substr(1))), "invalid");
    // TLVs that are not whole.
    for (const std::string& tlvs :
         {std::string(1, 4), std::string(2, 4), tlv(4, "abc").substr(0, 5)}) {
        EXPECT_EQ(read(binary(0x21, 0x11, kInet + tlvs)), "invalid");
        EXPECT_EQ(read(binary(0x20, 0x11, kInet + tlvs)), "none") << "LOCAL ignores them";
    }
}

TEST(ProxyHeader, OfVersion2HasABoundedLength) {
    const std::size_t room = kMaxProxyHeader - 16 - kInet.size() - 3;
    EXPECT_EQ(read(binary(0x21, 0x11, kInet + tlv(0x04, std::string(room, 'x')))),
              "192.0.2.1:4711");
    const std::string longer = binary(0x21, 0x11, kInet + tlv(0x04, std::string(room + 1, 'x')));
    EXPECT_EQ(read(longer), "invalid");
    EXPECT_EQ(read(longer.substr(0, 16)), "invalid") << "as soon as the length is there";
}

TEST(ProxyHeader, OfVersion2HasItsChecksumChecked) {
    const std::string good = with_checksum(binary(0x21, 0x11, kInet + tlv(0x03, "abcd")));
    for (std::size_t i = 16; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        if (i < good.size() - 7 || i >= good.size() - 4) { // not type and length of the TLV
            EXPECT_EQ(read(bad), "invalid") << i;
        }
    }
    EXPECT_EQ(read(binary(0x21, 0x11, kInet + tlv(0x03, "abc"))), "invalid") << "its length is 4";
    EXPECT_EQ(read(binary(0x20, 0x00, tlv(0x03, "abcd"))), "invalid") << "LOCAL has one too";
    EXPECT_EQ(read(binary(0x20, 0x11, kInet + tlv(0x03, "abcd"))), "invalid");
}

TEST(ProxyHeader, ItsFrontIsAnInvalidFrame) {
    for (const std::string& header : kValid) {
        const auto bytes = std::as_bytes(std::span(header));
        EXPECT_EQ(scan_frames(bytes).end, ScanEnd::invalid);
        EXPECT_TRUE(looks_like_proxy_header(bytes.first(kHeaderSize)));
    }
    const std::string other = "GET / HTTP/1.1\r\n";
    EXPECT_FALSE(looks_like_proxy_header(std::as_bytes(std::span(other))));
}
