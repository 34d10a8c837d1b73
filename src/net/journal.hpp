// SPDX-License-Identifier: MIT
// Entries for journald.
#pragma once

#include "base/unique_fd.hpp"

#include <string>
#include <string_view>

namespace echod {

/// Sends entries to journald, each as one datagram in its native protocol
/// (systemd.io/JOURNAL_NATIVE_PROTOCOL). The socket is not connected: each datagram carries the
/// address, so entries reach a journald that was restarted.
class JournalSocket {
public:
    /// The address of journald's socket.
    static constexpr std::string_view kPath = "/run/systemd/journal/socket";

    JournalSocket() noexcept;

    /// True if journald can be reached now.
    [[nodiscard]] bool is_reachable() const noexcept;

    /// Adds the field `name` to an entry. Throws std::bad_alloc.
    static void add_field(std::string& entry, std::string_view name, std::string_view value);

    /// Sends an entry without waiting. Whether it was taken.
    [[nodiscard]] bool send(std::string_view entry) const noexcept;

private:
    UniqueFd fd_; ///< or nothing: then no entry is taken
};

} // namespace echod
