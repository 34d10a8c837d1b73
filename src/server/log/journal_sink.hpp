// SPDX-License-Identifier: MIT
// Writes log lines to journald.
#pragma once

#include "base/unique_fd.hpp"
#include "server/log/dropping_sink.hpp"
#include "server/log/journal_field.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echod {

/// Sends each line to journald as one datagram in its native protocol
/// (systemd.io/JOURNAL_NATIVE_PROTOCOL). The socket is not connected: each datagram carries the
/// address, so lines reach a journald that was restarted.
class JournalSink final : public DroppingSink {
public:
    /// The address of journald's socket.
    static constexpr std::string_view kSocket = "/run/systemd/journal/socket";

    JournalSink();

    /// True if journald can be reached now.
    [[nodiscard]] bool is_reachable() const noexcept;

    /// Sets the fields of the next line; later lines do not have them.
    void set_fields(std::vector<JournalField> fields) { fields_ = std::move(fields); }

private:
    bool write_line(const spdlog::details::log_msg& message) noexcept override;

    UniqueFd fd_;
    std::vector<JournalField> fields_;
    std::string datagram_;
};

} // namespace echod
