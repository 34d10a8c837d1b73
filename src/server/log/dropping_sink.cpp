// SPDX-License-Identifier: MIT
#include "server/log/dropping_sink.hpp"

#include <fmt/format.h>

#include <string>

namespace echod {

void DroppingSink::sink_it_(const spdlog::details::log_msg& message) {
    if (!write_line(message)) {
        ++dropped_;
        return;
    }
    if (dropped_ != 0) {
        const std::string text = fmt::format(
            "{} log lines before this one could not be written and were dropped", dropped_);
        if (write_line({kIdentifier, spdlog::level::warn, text})) {
            dropped_ = 0;
        }
    }
}

int DroppingSink::priority_of(spdlog::level::level_enum level) noexcept {
    switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
        return 7;
    case spdlog::level::info:
        return 6;
    case spdlog::level::warn:
        return 4;
    case spdlog::level::err:
        return 3;
    default:
        return 2;
    }
}

} // namespace echod
