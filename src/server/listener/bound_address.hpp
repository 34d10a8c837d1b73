// SPDX-License-Identifier: MIT
// Addresses that sockets are bound to, compared without text and without memory.
#pragma once

#include "net/address.hpp"

namespace echod {

/// True if `bound`, the address of a listening socket, is the configured one, `wanted`; port 0 is
/// any port.
[[nodiscard]] bool is_bound_to(const Endpoint& bound, const Endpoint& wanted) noexcept;

/// True for 0.0.0.0 and ::.
[[nodiscard]] bool is_wildcard(const Endpoint& endpoint) noexcept;

/// True if both have the same port and one is the wildcard address that includes the other.
[[nodiscard]] bool overlap(const Endpoint& one, const Endpoint& other) noexcept;

} // namespace echod
