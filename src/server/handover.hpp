// SPDX-License-Identifier: MIT
// What one process leaves to the next, so that a restart loses no connection.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace echod {

/// One connection between two processes: everything but its descriptor.
struct ParkedConnection {
    std::uint64_t messages = 0; ///< received since it was accepted
    std::uint64_t bytes = 0;    ///< received since it was accepted
    Duration age{};
    Duration idle{};
    Duration message_age{}; ///< of the message that is incomplete; zero where none is
    std::uint16_t owed = 0; ///< the front of `kept`: whole messages on their way out
    std::uint16_t owed_messages = 0;
    bool peer_done = false; ///< end of file was read
    bool invalid = false;   ///< an invalid header was found behind what is owed
    std::vector<std::byte> kept;

    bool operator==(const ParkedConnection&) const = default;
};

/// All that is handed over beside the descriptors, which come in the same order.
struct ParkedState {
    std::string config; ///< what was in force, as TOML
    std::vector<ParkedConnection> connections;

    bool operator==(const ParkedState&) const = default;
};

/// The version that encode_state() writes. decode_state() reads it and every older one; records
/// carry their length, so what a newer one appends is passed over.
inline constexpr std::uint32_t kStateVersion = 1;

/// The state as bytes: a header with version and length, records, a checksum.
[[nodiscard]] std::vector<std::byte> encode_state(const ParkedState& state);

/// Throws std::runtime_error that says what is wrong with `bytes`; never trusts a length in them.
[[nodiscard]] ParkedState decode_state(std::span<const std::byte> bytes);

/// An anonymous file (memfd_create(2)) with `bytes`, sealed against change. Throws
/// std::system_error.
[[nodiscard]] UniqueFd make_state_file(std::span<const std::byte> bytes);

/// The content of such a file. Throws std::runtime_error.
[[nodiscard]] std::vector<std::byte> read_state_file(int fd);

/// What a process gets from the one before it.
struct Inheritance {
    UniqueFd connections; ///< a datagram socket with the descriptors in it
    UniqueFd state;       ///< the state file

    /// True where there is anything: one without the other is a loss to be told.
    [[nodiscard]] explicit operator bool() const noexcept { return connections || state; }
};

} // namespace echod
