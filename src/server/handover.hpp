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
#include <string_view>
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
    bool peer_done = false;          ///< end of file was read
    bool invalid = false;            ///< an invalid header was found behind what is owed
    std::span<const std::byte> kept; ///< borrowed, of the connection or of the state's bytes
    std::uint64_t cookie = 0; ///< socket_cookie(), by which its descriptor is known; 0 in version 1
    Duration write_age{};     ///< since the last look at a write that stalls; zero: none yet
    std::uint8_t stuck_looks = 0; ///< such looks in a row that found no progress
    std::uint32_t unread = 0;     ///< the send queue at the last of them

    [[nodiscard]] bool operator==(const ParkedConnection& other) const noexcept;
};

/// All that is handed over beside the descriptors.
struct ParkedState {
    std::string config; ///< what was in force, as TOML
    std::vector<ParkedConnection> connections;

    bool operator==(const ParkedState&) const = default;
};

/// The version that make_state_file() writes. decode_state() reads it and every older one; records
/// carry their length, so what a newer one appends is passed over.
inline constexpr std::uint32_t kStateVersion = 2;

/// An anonymous file (memfd_create(2)) with the state, sealed against change: a header with the
/// version, records, a checksum. Throws std::system_error.
[[nodiscard]] UniqueFd make_state_file(std::string_view config,
                                       std::span<const ParkedConnection> connections);

/// The content of such a file, in memory without a copy.
class StateFile {
public:
    /// Borrows fd for the call. Throws std::runtime_error where it is no such file.
    explicit StateFile(int fd);
    ~StateFile();
    StateFile(const StateFile&) = delete;
    StateFile& operator=(const StateFile&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    std::span<const std::byte> bytes_;
};

/// The state in `bytes`, which it borrows. Throws std::runtime_error that says what is wrong with
/// them; never trusts a length in them.
[[nodiscard]] ParkedState decode_state(std::span<const std::byte> bytes);

/// The checksum that belongs behind `content`, as its version wants it.
[[nodiscard]] std::uint64_t state_checksum(std::span<const std::byte> content) noexcept;

/// What a process gets from the one before it.
struct Inheritance {
    UniqueFd connections; ///< a datagram socket with the descriptors in it
    UniqueFd state;       ///< the state file

    /// True where there is anything: one without the other is a loss to be told.
    [[nodiscard]] explicit operator bool() const noexcept { return connections || state; }
};

} // namespace echod
