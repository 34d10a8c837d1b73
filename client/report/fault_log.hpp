// SPDX-License-Identifier: MIT
// What goes wrong while a run is in progress, and does not end it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace echoload {

/// Writes a line to standard error; what is not taken without waiting is dropped. Any thread.
void log_during_run(std::string_view line) noexcept;

/// A file that is written once an interval: logs once that this fails, and once that it works
/// again.
class FaultLog {
public:
    explicit FaultLog(std::string file) : file_(std::move(file)) {}

    /// `what` names the file and the error.
    void failed(std::string_view what) noexcept;
    void worked() noexcept;

private:
    std::string file_;
    bool fails_ = false;
};

} // namespace echoload
