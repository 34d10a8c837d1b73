// SPDX-License-Identifier: MIT
// The format of the state that an old process leaves to the new one at a restart.
#pragma once

#include "base/clock.hpp"
#include "server/clients/parked_connection.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// The configuration and the connections of the old process, without the descriptors.
struct ParkedState {
    std::string config; ///< TOML
    std::vector<ParkedConnection> connections;

    bool operator==(const ParkedState&) const = default;
};

/// The version that write_state() writes. decode_state() reads it and version 2, which has no PROXY
/// fields. It also reads newer ones: a record carries its length, so fields that a newer version
/// appends are skipped.
inline constexpr std::uint32_t kStateVersion = 3;

/// Writes the state to fd, which is borrowed, at its current position. Throws std::system_error
/// where write(2) fails.
void write_state(int fd, std::string_view config, std::span<const ParkedConnection> connections);

/// Reads a state. The connections' buffered bytes borrow from `bytes`. Throws std::runtime_error
/// that says what is wrong; no length in `bytes` is trusted.
[[nodiscard]] ParkedState decode_state(std::span<const std::byte> bytes);

/// The checksum that follows `content`.
[[nodiscard]] std::uint64_t state_checksum(std::span<const std::byte> content) noexcept;

} // namespace echod
