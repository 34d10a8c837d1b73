// SPDX-License-Identifier: MIT
// Socket addresses: how they are written, read and resolved.
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

    /// "127.0.0.1:8007", "[::1]:8007", "unix:/run/echod.sock", "unix:@abstract"; a name of
    /// a unix address is made printable.
    [[nodiscard]] std::string to_string() const;

private:
    sockaddr_storage storage_{};
    socklen_t length_ = 0;
};

/// True where `text` is written as a numeric IPv4 or IPv6 address, a v6 scope as in "fe80::1%eth0"
/// included; whether there is such an interface is another matter.
[[nodiscard]] bool is_ip(std::string_view text) noexcept;

/// That address with a port; nothing where is_ip() is false or its interface does not exist.
[[nodiscard]] std::optional<Endpoint> parse_ip(std::string_view text, std::uint16_t port);

/// A target is written rightly, and its host has no address (now).
class UnresolvedHost : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Reads "host:port", "[v6]:port" or "unix:/path" and resolves the name: every address it has, in
/// the resolver's order. Throws UnresolvedHost, or std::runtime_error that names `target` and says
/// what would be right.
[[nodiscard]] std::vector<Endpoint> resolve_target(std::string_view target);

/// The address fd is bound to (getsockname(2)); an empty Endpoint where there is none.
[[nodiscard]] Endpoint local_endpoint(int fd) noexcept;

/// The address of fd's peer (getpeername(2)); an empty Endpoint where there is none.
[[nodiscard]] Endpoint peer_endpoint(int fd) noexcept;

} // namespace echod
