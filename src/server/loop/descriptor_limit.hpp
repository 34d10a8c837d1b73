// SPDX-License-Identifier: MIT
// RLIMIT_NOFILE: how many connections it leaves room for.
#pragma once

#include <cstdint>
#include <optional>

namespace echod {

/// Raises the soft limit to the hard one. select(2), which the soft limit protects, is not used.
void raise_descriptor_limit() noexcept;

/// The soft limit; nothing where the kernel does not say.
[[nodiscard]] std::optional<std::uint64_t> descriptor_limit() noexcept;

/// Descriptors that clients never get, with this many listeners: without a free one, no reload, no
/// status and no notification could help an operator who has run out of them.
[[nodiscard]] std::uint64_t reserved_descriptors(std::size_t listeners) noexcept;

/// Connections that a limit leaves room for, at least 1.
[[nodiscard]] std::uint32_t room_for_connections(std::optional<std::uint64_t> limit,
                                                 std::size_t listeners) noexcept;

} // namespace echod
