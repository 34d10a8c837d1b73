// SPDX-License-Identifier: MIT
// The log: spdlog in front, journald or standard error behind, never both.
#pragma once

#include "server/config.hpp"

#include <spdlog/logger.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echod {

/// Identifiers of the kinds of entry that a reader may look for: `journalctl MESSAGE_ID=...`
/// (sd_journal_print(3), systemd.journal-fields(7)).
namespace message_id {
inline constexpr std::string_view kStart = "23c141ce792241b69c1e5ba9a7ce7dbb";
inline constexpr std::string_view kStartFailed = "8fc97caa7c544892a674eedc872f7a61";
inline constexpr std::string_view kReady = "bd354eb4b07b466f9e8a44b021072473";
inline constexpr std::string_view kReload = "22a9171c0eb647df82508c626848868b";
inline constexpr std::string_view kReloadFailed = "ff598b4adb0b444dbd868a20e40d8ed8";
inline constexpr std::string_view kStop = "552796d62c5a4914bf1d9f609b83f406";
inline constexpr std::string_view kStatistics = "43be03b64e6c4db99d3c70f713ed0732";
inline constexpr std::string_view kWatchdog = "9b12042957b84ebeb91daf634c65538b";
inline constexpr std::string_view kLimit = "a72f81f0493444958eb1704ea4f3a1e2";
} // namespace message_id

/// One field of a journal entry beside MESSAGE: a name in capitals and its value.
using JournalField = std::pair<std::string, std::string>;

class JournalSink;

/// The program's logger. Every line goes to one place: to the journal by its native protocol where
/// standard error is the journal (or log.target says so), else to standard error. Neither may stop
/// the loop: what cannot be written at once is dropped, and how much was is said afterwards.
class Log {
public:
    Log(LogTarget target, LogLevel level);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void set_level(LogLevel level);

    /// spdlog's logger, for lines that are text alone.
    [[nodiscard]] spdlog::logger& operator*() noexcept { return *logger_; }
    [[nodiscard]] spdlog::logger* operator->() noexcept { return logger_.get(); }

    /// True where a line of this level is written: what it would say need not be made up else.
    [[nodiscard]] bool writes(LogLevel level) const noexcept;

    /// A line with a MESSAGE_ID and fields; on standard error the text alone.
    void entry(LogLevel level, std::string_view message_id, std::vector<JournalField> fields,
               const std::string& text);

    /// True where lines go to the journal.
    [[nodiscard]] bool to_journal() const noexcept { return journal_ != nullptr; }

private:
    std::shared_ptr<JournalSink> journal_; ///< nullptr: standard error
    std::unique_ptr<spdlog::logger> logger_;
};

/// True where `fd` is the stream that JOURNAL_STREAM names by device and inode: the variable alone
/// proves nothing, it outlives a redirection (systemd.exec(5), $JOURNAL_STREAM).
[[nodiscard]] bool is_journal(int fd);

} // namespace echod
