// SPDX-License-Identifier: MIT
// The log: spdlog's logger with one sink, either journald or standard error.
#pragma once

#include "server/config/config.hpp"
#include "server/log/journal_field.hpp"

#include <spdlog/logger.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// The identifiers by which an entry can be found: `journalctl MESSAGE_ID=...`
/// (systemd.journal-fields(7)).
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
inline constexpr std::string_view kMissing = "027d7e906bf3ffd206088078c09ac7c0";
inline constexpr std::string_view kSockets = "9585c09e202989ccfb629a6980c4b52f";
inline constexpr std::string_view kProxyHeader = "878ef0ebbbbc4f148478518f6f682001";
} // namespace message_id

class JournalSink;

/// The program's logger. Lines go to the journal in its native protocol if log.target is "journal",
/// or if it is "auto" and standard error is connected to the journal; otherwise to standard error.
/// Writing never blocks the loop: lines that cannot be written at once are dropped and counted, see
/// DroppingSink.
class Log {
public:
    Log(LogTarget target, LogLevel level);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    /// Writes to another target from now on. Throws std::bad_alloc, with the old one unchanged.
    void set_target(LogTarget target);

    void set_level(LogLevel level);

    /// spdlog's logger, for lines without fields.
    [[nodiscard]] spdlog::logger& operator*() noexcept { return *logger_; }
    [[nodiscard]] spdlog::logger* operator->() noexcept { return logger_.get(); }

    /// True if lines of this level are written; if not, the caller need not format them.
    [[nodiscard]] bool writes(LogLevel level) const noexcept;

    /// Writes a line with a MESSAGE_ID and fields; standard error gets the text alone.
    void entry(LogLevel level, std::string_view message_id, std::vector<JournalField> fields,
               const std::string& text);

    /// True if lines go to the journal.
    [[nodiscard]] bool to_journal() const noexcept { return journal_ != nullptr; }

private:
    void open(LogTarget target, LogLevel level);

    LogTarget target_ = LogTarget::automatic;
    LogLevel level_ = LogLevel::info;
    std::shared_ptr<JournalSink> journal_; ///< nullptr: lines go to standard error
    std::unique_ptr<spdlog::logger> logger_;
};

/// True if `fd` is the stream that $JOURNAL_STREAM names by device and inode. That the variable is
/// set is not enough: it stays set when the stream is redirected (systemd.exec(5)).
[[nodiscard]] bool is_journal(int fd);

} // namespace echod
