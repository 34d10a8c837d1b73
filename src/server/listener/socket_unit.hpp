// SPDX-License-Identifier: MIT
// The units of this daemon, as messages name them.
#pragma once

#include <string>

namespace echod {

/// True for an instance of echod@.service, which sets ECHOD_INSTANCE. Instances share the port of
/// the configuration (SO_REUSEPORT, socket(7)).
[[nodiscard]] bool is_instance() noexcept;

/// False in a sandbox that allows neither IPv4 nor IPv6 sockets (RestrictAddressFamilies=,
/// SystemCallFilter=): the daemon then depends on its socket unit.
[[nodiscard]] bool may_open_sockets() noexcept;

/// "echod.socket", or "echod@NAME.socket" for an instance.
[[nodiscard]] std::string socket_unit();

/// "echod.service", likewise.
[[nodiscard]] std::string service_unit();

} // namespace echod
