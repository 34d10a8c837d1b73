// SPDX-License-Identifier: MIT
// spdlog's own sinks block, drop in silence and know no fields; these do not.
#pragma once

#include "base/unique_fd.hpp"
#include "server/log.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <string>
#include <vector>

namespace echod {

/// What both sinks do alike: write without waiting, and say later how much was dropped.
class DroppingSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) final;
    void flush_() final {}

    /// Writes one line, or returns false where it would have to wait or nobody listens.
    virtual bool write_line(const spdlog::details::log_msg& message) noexcept = 0;

private:
    std::uint64_t dropped_ = 0;
};

/// Entries for journald, a datagram each, by its native protocol
/// (systemd.io/JOURNAL_NATIVE_PROTOCOL). Addressed anew each time, so a journald that was restarted
/// is found again.
class JournalSink final : public DroppingSink {
public:
    JournalSink();

    /// True where a journald can be reached now.
    [[nodiscard]] bool somebody_listens() const noexcept;

    /// Fields of the next line, and of that alone.
    void set_fields(std::vector<JournalField> fields) { fields_ = std::move(fields); }

private:
    bool write_line(const spdlog::details::log_msg& message) noexcept override;

    UniqueFd fd_;
    std::vector<JournalField> fields_;
    std::string datagram_;
};

/// Lines for standard error: with a timestamp and the level's name for a person, or, where it ends
/// in the journal after all, with an sd-daemon(3) priority prefix instead.
class StderrSink final : public DroppingSink {
public:
    explicit StderrSink(bool prefix_priority) : prefix_priority_(prefix_priority) {}

private:
    bool write_line(const spdlog::details::log_msg& message) noexcept override;

    bool prefix_priority_;
};

} // namespace echod
