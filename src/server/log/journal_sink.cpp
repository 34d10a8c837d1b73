// SPDX-License-Identifier: MIT
#include "server/log/journal_sink.hpp"

#include <new>

namespace echod {

bool JournalSink::write_line(const spdlog::details::log_msg& message) noexcept {
    try {
        entry_.clear();
        JournalSocket::add_field(entry_, "MESSAGE", view(message.payload));
        JournalSocket::add_field(entry_, "PRIORITY", std::to_string(priority_of(message.level)));
        JournalSocket::add_field(entry_, "SYSLOG_IDENTIFIER", kIdentifier);
        for (const auto& [name, value] : std::exchange(fields_, {})) {
            JournalSocket::add_field(entry_, name, value);
        }
    } catch (const std::bad_alloc&) {
        return false;
    }
    return socket_.send(entry_);
}

} // namespace echod
