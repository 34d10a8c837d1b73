// SPDX-License-Identifier: MIT
// Writes log lines to standard error.
#pragma once

#include "server/log/dropping_sink.hpp"
#include "server/log/nonblocking_output.hpp"

namespace echod {

/// Writes each line with a timestamp and its level, or with an sd-daemon(3) priority prefix for a
/// standard error that is connected to the journal.
class StderrSink final : public DroppingSink {
public:
    explicit StderrSink(bool prefix_priority);

private:
    bool write_line(const spdlog::details::log_msg& message) noexcept override;

    bool prefix_priority_;
    NonblockingOutput output_;
};

} // namespace echod
