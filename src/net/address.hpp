// SPDX-License-Identifier: MIT
// Socket addresses: parsing, printing and resolving.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// One socket address: IPv4, IPv6 or a unix path.
class Endpoint {
public:
    Endpoint() noexcept = default;
    Endpoint(const sockaddr* address, socklen_t length) noexcept;

    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
    [[nodiscard]] const sockaddr* address() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage_);
    }
    [[nodiscard]] socklen_t length() const noexcept { return length_; }

    /// The TCP port; 0 for a unix address.
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// "127.0.0.1:8007", "[::1]:8007", "unix:/run/echod.sock" or "unix:@abstract". Bytes of a unix
    /// path that are not printable are escaped.
    [[nodiscard]] std::string to_string() const;

private:
    sockaddr_storage storage_{};
    socklen_t length_ = 0;
};

/// True if `text` is a numeric IPv4 or IPv6 address, which may have a scope, as "fe80::1%eth0". The
/// interface need not exist.
[[nodiscard]] bool is_ip(std::string_view text) noexcept;

/// The address `text` with `port`; nothing if is_ip() is false, or if its interface is not found,
/// with the errno of if_nametoindex(3).
[[nodiscard]] std::optional<Endpoint> parse_ip(std::string_view text, std::uint16_t port);

/// An address to listen on.
struct ListenAddress {
    std::string host; ///< numeric, without brackets
    std::uint16_t port = 0;

    /// "127.0.0.1:9807", "[::1]:9807".
    [[nodiscard]] std::string text() const;
};

/// Reads "ADDRESS:PORT", "[ADDRESS]:PORT" or "PORT", for which `host` is the address, with a
/// numeric address; nothing where it is none of these.
[[nodiscard]] std::optional<ListenAddress> parse_listen_address(std::string_view text,
                                                                std::string_view host);

/// The target is valid, but its host cannot be resolved now.
class UnresolvedHost : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Reads "host:port", "[v6]:port" or "unix:/path" and resolves the name: every address it has, in
/// the resolver's order. Throws UnresolvedHost, or std::runtime_error that names `target` and the
/// valid forms.
[[nodiscard]] std::vector<Endpoint> resolve_target(std::string_view target);

/// The address that fd is bound to (getsockname(2)); an empty Endpoint if there is none.
[[nodiscard]] Endpoint local_endpoint(int fd) noexcept;

/// The address of fd's peer (getpeername(2)); an empty Endpoint if there is none.
[[nodiscard]] Endpoint peer_endpoint(int fd) noexcept;

} // namespace echod
