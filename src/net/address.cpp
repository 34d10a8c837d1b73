// SPDX-License-Identifier: MIT
#include "net/address.hpp"

#include "base/printable.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace echod {

namespace {

struct AddrinfoDeleter {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using AddrinfoList = std::unique_ptr<addrinfo, AddrinfoDeleter>;

// 0, or getaddrinfo(3)'s error code.
int look_up(const std::string& host, const std::string& port, int flags, AddrinfoList& list) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* head = nullptr;
    const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &head);
    list.reset(head);
    return code;
}

// A number, or for a link-local address the name of an interface: what Linux would let one be
// called, so far as it can be printed and stand in quotes.
bool is_scope(std::string_view scope, const in6_addr& address) noexcept {
    std::uint32_t number = 0;
    const char* const end = scope.data() + scope.size();
    if (const auto [stop, error] = std::from_chars(scope.data(), end, number);
        error == std::errc{} && stop == end) {
        return true;
    }
    return (IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MC_LINKLOCAL(&address)) &&
           !scope.empty() && scope.size() < IFNAMSIZ && scope != "." && scope != ".." &&
           std::all_of(scope.begin(), scope.end(), [](char c) {
               return c > ' ' && c <= '~' &&
                      std::string_view("/:%\"\\").find(c) == std::string_view::npos;
           });
}

[[noreturn]] void bad_target(std::string_view target, std::string_view why) {
    throw std::runtime_error(fmt::format(
        "'{}': {}; a target is host:port, [v6-address]:port or unix:/path", target, why));
}

Endpoint unix_endpoint(std::string_view target, std::string_view path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty()) {
        bad_target(target, "the path is missing");
    }
    if (path.size() >= sizeof address.sun_path) {
        bad_target(target,
                   fmt::format("the path is longer than {} bytes", sizeof address.sun_path - 1));
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    std::size_t length = offsetof(sockaddr_un, sun_path) + path.size() + 1;
    if (path.front() == '@') { // the abstract namespace: unix(7)
        address.sun_path[0] = '\0';
        --length;
    }
    return {reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)};
}

// A peer may bind to any bytes, and they are shown in the log and on a terminal.
std::string unix_text(const sockaddr_storage& storage, socklen_t length) {
    const auto& address = reinterpret_cast<const sockaddr_un&>(storage);
    const std::size_t size = length - offsetof(sockaddr_un, sun_path);
    if (size == 0) {
        return "unix:(unnamed)";
    }
    if (address.sun_path[0] == '\0') {
        return "unix:@" + printable({address.sun_path + 1, size - 1});
    }
    return "unix:" + printable({address.sun_path, ::strnlen(address.sun_path, size)});
}

} // namespace

Endpoint::Endpoint(const sockaddr* address, socklen_t length) noexcept
    : length_(std::min<socklen_t>(length, sizeof storage_)) {
    std::memcpy(&storage_, address, length_);
}

std::uint16_t Endpoint::port() const noexcept {
    if (family() == AF_INET) {
        return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
    }
    if (family() == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
    }
    return 0;
}

std::string Endpoint::to_string() const {
    if (length_ == 0) {
        return "(none)";
    }
    if (family() == AF_UNIX) {
        return unix_text(storage_, length_);
    }
    char host[INET6_ADDRSTRLEN + 32];
    char port[8];
    if (::getnameinfo(address(), length_, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return fmt::format("(address family {})", family());
    }
    return family() == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                : fmt::format("{}:{}", host, port);
}

bool is_ip(std::string_view text) noexcept {
    // inet_pton(3) would end at a NUL; what is longer than this is no address.
    const std::size_t percent = text.find('%');
    const std::string_view host = text.substr(0, percent);
    char terminated[INET6_ADDRSTRLEN] = {};
    if (host.size() >= sizeof terminated || host.find('\0') != std::string_view::npos) {
        return false;
    }
    std::copy(host.begin(), host.end(), terminated);
    in_addr v4{};
    in6_addr v6{};
    if (::inet_pton(AF_INET6, terminated, &v6) == 1) {
        return percent == std::string_view::npos || is_scope(text.substr(percent + 1), v6);
    }
    return percent == std::string_view::npos && ::inet_pton(AF_INET, terminated, &v4) == 1;
}

std::optional<Endpoint> parse_ip(std::string_view text, std::uint16_t port) {
    // getaddrinfo(3) also takes "127.1" and "0x7f.1"; an IPv4 address here is four numbers.
    AddrinfoList list;
    if (!is_ip(text) ||
        look_up(std::string(text), std::to_string(port), AI_NUMERICHOST | AI_PASSIVE, list) != 0) {
        return std::nullopt;
    }
    return Endpoint(list->ai_addr, list->ai_addrlen);
}

std::vector<Endpoint> resolve_target(std::string_view target) {
    constexpr std::string_view kUnix = "unix:";
    if (target.substr(0, kUnix.size()) == kUnix) {
        return {unix_endpoint(target, target.substr(kUnix.size()))};
    }
    const std::size_t colon = target.rfind(':');
    if (colon == std::string_view::npos) {
        bad_target(target, "the port is missing");
    }
    std::string_view host = target.substr(0, colon);
    const std::string_view port = target.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        bad_target(target, "an IPv6 address needs brackets");
    }
    if (host.empty()) {
        bad_target(target, "the host is missing");
    }
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number == 0) {
        bad_target(target, "the port must be 1 to 65535");
    }
    AddrinfoList list;
    const int code = look_up(std::string(host), std::string(port), 0, list);
    if (code != 0) {
        throw UnresolvedHost(
            fmt::format("'{}': cannot resolve the host: {}", target, ::gai_strerror(code)));
    }
    std::vector<Endpoint> endpoints;
    for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
        endpoints.emplace_back(entry->ai_addr, entry->ai_addrlen);
    }
    return endpoints;
}

Endpoint local_endpoint(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return {};
    }
    return {reinterpret_cast<const sockaddr*>(&storage), length};
}

Endpoint peer_endpoint(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return {};
    }
    return {reinterpret_cast<const sockaddr*>(&storage), length};
}

} // namespace echod
