// SPDX-License-Identifier: MIT
#include "server/log/log.hpp"

#include "server/log/journal_sink.hpp"
#include "server/log/stderr_sink.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace echod {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
    switch (level) {
    case LogLevel::debug:
        return spdlog::level::debug;
    case LogLevel::info:
        return spdlog::level::info;
    case LogLevel::warning:
        return spdlog::level::warn;
    case LogLevel::error:
        break;
    }
    return spdlog::level::err;
}

} // namespace

bool is_journal(int fd) {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(fd, &status) != 0) {
        return false;
    }
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

Log::Log(LogTarget target, LogLevel level) {
    open(target, level);
}

Log::~Log() = default;

void Log::set_target(LogTarget target) {
    // A target that fell back to standard error is tried again.
    if (target != target_ || (target == LogTarget::journal && !to_journal())) {
        open(target, level_);
    }
}

void Log::open(LogTarget target, LogLevel level) {
    const bool stderr_to_journal = is_journal(STDERR_FILENO);
    std::shared_ptr<JournalSink> journal;
    if (target == LogTarget::journal || (target == LogTarget::automatic && stderr_to_journal)) {
        journal = std::make_shared<JournalSink>();
    }
    // Without a journald every line would be lost, the reason of a failed start included.
    const bool missing = target == LogTarget::journal && !journal->is_reachable();
    if (missing) {
        journal.reset();
    }
    spdlog::sink_ptr sink = journal;
    if (sink == nullptr) {
        sink = std::make_shared<StderrSink>(stderr_to_journal);
    }
    logger_ = std::make_unique<spdlog::logger>(DroppingSink::kIdentifier, std::move(sink));
    journal_ = std::move(journal);
    target_ = target;
    set_level(level);
    if (missing) {
        logger_->warn(
            "log.target is \"journal\", but no journald answers at {}: logging to standard error",
            JournalSocket::kPath);
    }
}

void Log::set_level(LogLevel level) {
    level_ = level;
    logger_->set_level(to_spdlog(level));
}

bool Log::writes(LogLevel level) const noexcept {
    return logger_->should_log(to_spdlog(level));
}

void Log::entry(LogLevel level, std::string_view message_id, std::vector<JournalField> fields,
                const std::string& text) {
    if (!writes(level)) {
        return;
    }
    if (journal_ != nullptr) {
        fields.emplace_back("MESSAGE_ID", message_id);
        journal_->set_fields(std::move(fields));
    }
    logger_->log(to_spdlog(level), text);
}

} // namespace echod
