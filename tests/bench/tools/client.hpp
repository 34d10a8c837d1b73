// SPDX-License-Identifier: MIT
// Shared by the benchmark's small clients: addresses, connecting, and the messages they send.
#pragma once

#include "base/sys_error.hpp"
#include "base/unique_fd.hpp"
#include "client/measure/histogram.hpp"
#include "net/socket.hpp"
#include "wire/frame.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Parses `text` as a number. Throws std::invalid_argument.
inline std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw std::invalid_argument(fmt::format("'{}' is no number", text));
    }
    return value;
}

inline void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

inline sockaddr_in loopback(std::uint32_t host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
    address.sin_port = htons(port);
    return address;
}

/// Starts to connect to `port` of 127.0.0.1, from 127.0.0.2 and the following addresses in turn, so
/// that ports in TIME-WAIT never run out. `flags` as for socket(2). Throws std::system_error.
inline echod::UniqueFd connect_to(std::uint16_t port, std::uint32_t turn, int flags) {
    constexpr std::uint32_t kSources = 200;
    echod::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    const int one = 1;
    const sockaddr_in from = loopback(1 + turn % kSources, 0);
    const sockaddr_in to = loopback(0, port);
    const auto connected = [&] {
        return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ||
               errno == EINPROGRESS;
    };
    if (!fd || ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) != 0 ||
        ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        !connected()) {
        echod::throw_errno(errno, "cannot connect");
    }
    echod::set_nodelay(fd.get());
    return fd;
}

/// `count` consecutive messages, each with `payload` bytes of payload.
inline std::vector<std::byte> messages(std::size_t count, std::uint32_t payload) {
    std::vector<std::byte> bytes(count * (echod::kHeaderSize + payload), std::byte{0x5a});
    for (std::size_t i = 0; i < count; ++i) {
        echod::encode_header({0x65636f68U, payload}, &bytes[i * (echod::kHeaderSize + payload)]);
    }
    return bytes;
}

/// The percentiles as members of a JSON object, without the braces.
inline std::string latency_members(const echoload::Histogram& histogram) {
    const auto ns = [&](double percent) {
        return histogram.count() == 0 ? "null"
                                      : std::to_string(histogram.percentile(percent)->count());
    };
    return fmt::format(R"("p50_ns": {}, "p99_ns": {}, "p99_9_ns": {}, "max_ns": {})", ns(50),
                       ns(99), ns(99.9), ns(100));
}

} // namespace bench
