// SPDX-License-Identifier: MIT
// The base of the log's sinks. Those of spdlog block, lose lines silently and know no fields.
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <string_view>

namespace echod {

/// Writes lines without blocking. A line that cannot be written at once is dropped; the number of
/// dropped lines is logged after the next line that can be written.
class DroppingSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    /// The name of the logger and the journal's SYSLOG_IDENTIFIER.
    static constexpr const char* kIdentifier = "echod";

protected:
    void sink_it_(const spdlog::details::log_msg& message) final;
    void flush_() final {}

    /// Writes one line; returns false if that would block or nothing receives it.
    virtual bool write_line(const spdlog::details::log_msg& message) noexcept = 0;

    /// The priority of syslog(3) for a level.
    [[nodiscard]] static int priority_of(spdlog::level::level_enum level) noexcept;

    [[nodiscard]] static std::string_view view(const spdlog::string_view_t& text) noexcept {
        return {text.data(), text.size()};
    }

private:
    std::uint64_t dropped_ = 0;
};

} // namespace echod
