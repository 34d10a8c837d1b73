// SPDX-License-Identifier: MIT
#include "wire/proxy_header.hpp"

#include "wire/crc32c.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

namespace echod {

namespace {

constexpr std::string_view kTextPrefix = "PROXY ";
constexpr std::size_t kMaxText = 107; // with CR and LF
constexpr std::string_view kBinarySignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kBinaryFixed = 16; // signature, version and command, family, length

constexpr ProxyHeader kIncomplete{};
constexpr ProxyHeader kInvalid{ProxyParse::invalid, 0, {}};

ProxyHeader complete(std::size_t size, const ProxySource& source = {}) noexcept {
    return {ProxyParse::complete, size, source};
}

// True if one of the two begins with the other.
bool agrees(std::string_view text, std::string_view with) noexcept {
    const std::size_t common = std::min(text.size(), with.size());
    return text.substr(0, common) == with.substr(0, common);
}

// Takes the part up to the next space, and the space, from the front of `text`; up to its end where
// there is none.
std::string_view take_word(std::string_view& text) noexcept {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    return word;
}

ProxySource mapped_source(const void* ipv4, std::uint16_t port) noexcept {
    ProxySource source{{}, port, true};
    source.address[10] = source.address[11] = std::byte{0xff};
    std::memcpy(source.address.data() + 12, ipv4, 4);
    return source;
}

// An address of that family with a port of 0.
std::optional<ProxySource> read_text_address(std::string_view text, int family) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    std::copy(text.begin(), text.end(), terminated.begin());
    ProxySource source{{}, 0, true};
    if (::inet_pton(family, terminated.data(), source.address.data()) != 1) {
        return std::nullopt;
    }
    return family == AF_INET ? mapped_source(source.address.data(), 0) : source;
}

// A port without leading zeros.
std::optional<std::uint16_t> read_text_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    const bool zeros = text.size() > 1 && text.front() == '0';
    return error == std::errc() && stop == end && !zeros ? std::optional(port) : std::nullopt;
}

ProxyHeader read_text(std::string_view text) noexcept {
    const std::size_t end = text.substr(0, kMaxText - 1).find('\r');
    if (end == std::string_view::npos) {
        return text.size() < kMaxText - 1 ? kIncomplete : kInvalid;
    }
    if (end + 1 == text.size()) {
        return kIncomplete;
    }
    if (text[end + 1] != '\n') {
        return kInvalid;
    }
    std::string_view line = text.substr(kTextPrefix.size(), end - kTextPrefix.size());
    const std::string_view protocol = take_word(line);
    if (protocol == "UNKNOWN") {
        return complete(end + 2);
    }
    if (protocol != "TCP4" && protocol != "TCP6") {
        return kInvalid;
    }
    const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
    auto source = read_text_address(take_word(line), family);
    const auto destination = read_text_address(take_word(line), family);
    const auto source_port = read_text_port(take_word(line));
    const auto destination_port = read_text_port(line); // the rest: nothing may follow it
    if (!source || !destination || !source_port || !destination_port) {
        return kInvalid;
    }
    source->port = *source_port;
    return complete(end + 2, *source);
}

std::uint16_t read_u16(std::span<const std::byte> at) noexcept {
    return static_cast<std::uint16_t>((static_cast<unsigned>(at[0]) << 8) |
                                      static_cast<unsigned>(at[1]));
}

// False if `header` is not a sequence of whole TLVs from `begin` on, or if one of them is a CRC32c
// that does not match. The checksum is that of the header with the checksum itself as zeros.
bool check_tlvs(std::span<const std::byte> header, std::size_t begin, bool must_be_whole) noexcept {
    constexpr std::byte kCrcType{0x03};
    constexpr std::size_t kTlvFixed = 3; // type, length
    constexpr std::size_t kCrcSize = 4;
    std::optional<std::size_t> checksum_at;
    while (begin != header.size()) {
        if (header.size() - begin < kTlvFixed) {
            return !must_be_whole;
        }
        const std::byte type = header[begin];
        const std::size_t length = read_u16(header.subspan(begin + 1));
        begin += kTlvFixed;
        if (header.size() - begin < length) {
            return !must_be_whole;
        }
        if (type == kCrcType) {
            if (length != kCrcSize) {
                return false;
            }
            checksum_at = begin;
        }
        begin += length;
    }
    if (!checksum_at) {
        return true;
    }
    constexpr std::array<std::byte, kCrcSize> kZeros{};
    const auto stored = header.subspan(*checksum_at, kCrcSize);
    std::uint32_t crc = crc32c(header.first(*checksum_at));
    crc = crc32c(kZeros, crc);
    crc = crc32c(header.subspan(*checksum_at + kCrcSize), crc);
    return crc == ((std::uint32_t{read_u16(stored)} << 16) | read_u16(stored.subspan(2)));
}

// The bytes of the two addresses and ports of an address family.
std::optional<std::size_t> address_size(unsigned family) noexcept {
    constexpr std::array<std::size_t, 4> kSizes = {0, 12, 36, 216}; // UNSPEC, INET, INET6, UNIX
    return family < kSizes.size() ? std::optional(kSizes[family]) : std::nullopt;
}

ProxySource read_binary_source(std::span<const std::byte> addresses, unsigned family) noexcept {
    constexpr unsigned kInet = 1;
    constexpr std::size_t kInetPort = 8;
    constexpr std::size_t kInet6Port = 32;
    if (family == kInet) {
        return mapped_source(addresses.data(), read_u16(addresses.subspan(kInetPort)));
    }
    ProxySource source{{}, read_u16(addresses.subspan(kInet6Port)), true};
    std::memcpy(source.address.data(), addresses.data(), source.address.size());
    return source;
}

ProxyHeader read_binary(std::span<const std::byte> bytes) noexcept {
    constexpr std::size_t kSignature = kBinarySignature.size();
    constexpr unsigned kLocal = 0x20;
    constexpr unsigned kProxy = 0x21;
    if (bytes.size() <= kSignature) {
        return kIncomplete;
    }
    const auto command = static_cast<unsigned>(bytes[kSignature]);
    if (command != kLocal && command != kProxy) {
        return kInvalid;
    }
    if (bytes.size() < kBinaryFixed) {
        return kIncomplete;
    }
    const std::size_t size = kBinaryFixed + read_u16(bytes.subspan(kSignature + 2));
    if (size > kMaxProxyHeader) {
        return kInvalid;
    }
    // The family and what follows have no meaning with LOCAL, but a checksum holds there too.
    constexpr unsigned kStream = 1;
    constexpr unsigned kDatagram = 2;
    const unsigned family = static_cast<unsigned>(bytes[kSignature + 1]) >> 4;
    const unsigned protocol = static_cast<unsigned>(bytes[kSignature + 1]) & 0xfU;
    const auto addresses = address_size(family);
    const bool fits = addresses && kBinaryFixed + *addresses <= size;
    const bool is_proxy = command == kProxy;
    if (is_proxy && (!fits || protocol > kDatagram)) {
        return kInvalid;
    }
    if (bytes.size() < size) {
        return kIncomplete;
    }
    const auto header = bytes.first(size);
    const bool has_addresses = is_proxy && family != 0;
    if (!check_tlvs(header, kBinaryFixed + (fits ? *addresses : 0), has_addresses)) {
        return kInvalid;
    }
    const bool names_ip = has_addresses && family <= 2 && protocol == kStream;
    return names_ip ? complete(size, read_binary_source(header.subspan(kBinaryFixed), family))
                    : complete(size);
}

std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

ProxyHeader parse_proxy_header(std::span<const std::byte> bytes) noexcept {
    const std::string_view text = as_text(bytes);
    if (text.empty()) {
        return kIncomplete;
    }
    if (agrees(text, kTextPrefix)) {
        return text.size() < kTextPrefix.size() ? kIncomplete : read_text(text);
    }
    return agrees(text, kBinarySignature) ? read_binary(bytes) : kInvalid;
}

bool looks_like_proxy_header(std::span<const std::byte> bytes) noexcept {
    const std::string_view text = as_text(bytes);
    return agrees(text, kTextPrefix) || agrees(text, kBinarySignature);
}

} // namespace echod
