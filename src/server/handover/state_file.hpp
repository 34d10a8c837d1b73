// SPDX-License-Identifier: MIT
// The state in an anonymous, sealed file: the service manager stores it between two processes.
#pragma once

#include "base/unique_fd.hpp"
#include "server/clients/parked_connection.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace echod {

/// Creates a file (memfd_create(2)) with the state, sealed against change. `config` is TOML.
/// Throws std::system_error.
[[nodiscard]] UniqueFd make_state_file(std::string_view config,
                                       std::span<const ParkedConnection> connections);

/// The bytes of a state file, mapped for the life of the object.
class StateFile {
public:
    /// Borrows fd for the call. Throws std::runtime_error where it is not a sealed file.
    explicit StateFile(int fd);
    ~StateFile();
    StateFile(const StateFile&) = delete;
    StateFile& operator=(const StateFile&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    std::span<const std::byte> bytes_;
};

} // namespace echod
