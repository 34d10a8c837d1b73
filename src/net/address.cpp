// SPDX-License-Identifier: MIT
#include "net/address.hpp"

#include "base/printable.hpp"
#include "base/units.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>

namespace echod {

namespace {

struct AddrinfoDeleter {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using AddrinfoList = std::unique_ptr<addrinfo, AddrinfoDeleter>;

// 0, or getaddrinfo(3)'s error code.
int look_up(const std::string& host, const std::string& port, AddrinfoList& list) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* head = nullptr;
    const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &head);
    list.reset(head);
    return code;
}

// True for a number, and for a link-local address also for a name that Linux allows for an
// interface, if it is printable and needs no escape in quotes.
bool is_scope(std::string_view scope, const in6_addr& address) noexcept {
    if (parse_integer(scope, std::numeric_limits<std::uint32_t>::max())) {
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

// A peer can bind to a path of any bytes, and the text is written to logs and terminals.
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
    // inet_pton(3) stops at a NUL, so a text that contains one is refused here.
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

// Not with getaddrinfo(3): it also accepts "127.1" and "0x7f.1", and needs memory, so that it could
// fail for an address that exists.
std::optional<Endpoint> parse_ip(std::string_view text, std::uint16_t port) {
    if (!is_ip(text)) {
        errno = EINVAL;
        return std::nullopt;
    }
    const std::size_t percent = std::min(text.find('%'), text.size());
    const std::string host(text.substr(0, percent));
    sockaddr_in v4{};
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        return Endpoint(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    (void)::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
    if (percent != text.size()) {
        const std::string scope(text.substr(percent + 1));
        v6.sin6_scope_id = ::if_nametoindex(scope.c_str());
        if (v6.sin6_scope_id == 0) {
            const int error = errno;
            const auto number = parse_integer(scope, std::numeric_limits<std::uint32_t>::max());
            if (!number) {
                errno = error;
                return std::nullopt;
            }
            v6.sin6_scope_id = static_cast<std::uint32_t>(*number);
        }
    }
    return Endpoint(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

std::string ListenAddress::text() const {
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                               : fmt::format("[{}]:{}", host, port);
}

std::optional<ListenAddress> parse_listen_address(std::string_view text, std::string_view host) {
    const std::size_t colon = text.rfind(':');
    host = colon == std::string_view::npos ? host : text.substr(0, colon);
    const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const bool v6 = host.find(':') != std::string_view::npos;
    host = brackets ? host.substr(1, host.size() - 2) : host;
    const auto number = parse_integer(port, std::numeric_limits<std::uint16_t>::max());
    if (!is_ip(host) || brackets != (v6 && colon != std::string_view::npos) || !number) {
        return std::nullopt;
    }
    return ListenAddress{std::string(host), static_cast<std::uint16_t>(*number)};
}

std::vector<Endpoint> resolve_target(std::string_view target) {
    constexpr std::string_view kUnix = "unix:";
    if (target.substr(0, kUnix.size()) == kUnix) {
        return {unix_endpoint(target, target.substr(kUnix.size()))};
    }
    constexpr std::string_view kTcp = "tcp://";
    if (target.substr(0, kTcp.size()) == kTcp) {
        target.remove_prefix(kTcp.size());
    } else if (target.find("://") != std::string_view::npos) {
        bad_target(target, "no protocol but that of echod-protocol(7) is spoken");
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
    if (parse_integer(port, std::numeric_limits<std::uint16_t>::max()).value_or(0) == 0) {
        bad_target(target, "the port must be 1 to 65535");
    }
    AddrinfoList list;
    const int code = look_up(std::string(host), std::string(port), list);
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
