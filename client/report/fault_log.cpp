// SPDX-License-Identifier: MIT
#include "client/report/fault_log.hpp"

#include "client/report/output_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <exception>

namespace echoload {

void log_during_run(std::string_view line) noexcept try {
    (void)OutputStream(STDERR_FILENO).write_some(fmt::format("echoload: {}\n", line));
} catch (const std::exception&) { // memory is short
}

void FaultLog::failed(std::string_view what) noexcept try {
    if (!std::exchange(fails_, true)) {
        log_during_run(fmt::format("{}; each interval tries again", what));
    }
} catch (const std::exception&) {
}

void FaultLog::worked() noexcept try {
    if (std::exchange(fails_, false)) {
        log_during_run(fmt::format("{} can be written again", file_));
    }
} catch (const std::exception&) {
}

} // namespace echoload
