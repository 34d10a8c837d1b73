// SPDX-License-Identifier: MIT
// Writes log lines to journald.
#pragma once

#include "net/journal.hpp"
#include "server/log/dropping_sink.hpp"
#include "server/log/journal_field.hpp"

#include <string>
#include <utility>
#include <vector>

namespace echod {

/// Sends each line to journald as an entry.
class JournalSink final : public DroppingSink {
public:
    /// True if journald can be reached now.
    [[nodiscard]] bool is_reachable() const noexcept { return socket_.is_reachable(); }

    /// Sets the fields of the next line; later lines do not have them.
    void set_fields(std::vector<JournalField> fields) { fields_ = std::move(fields); }

private:
    bool write_line(const spdlog::details::log_msg& message) noexcept override;

    JournalSocket socket_;
    std::vector<JournalField> fields_;
    std::string entry_;
};

} // namespace echod
