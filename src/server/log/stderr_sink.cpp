// SPDX-License-Identifier: MIT
#include "server/log/stderr_sink.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

namespace echod {

StderrSink::StderrSink(bool prefix_priority)
    : prefix_priority_(prefix_priority), output_(STDERR_FILENO) {}

bool StderrSink::write_line(const spdlog::details::log_msg& message) noexcept {
    try {
        std::string line;
        if (prefix_priority_) {
            line = fmt::format("<{}>", priority_of(message.level));
        } else {
            const auto since_epoch = message.time.time_since_epoch();
            const auto ms =
                std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count() % 1000;
            line = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z {:7} ",
                               fmt::gmtime(spdlog::log_clock::to_time_t(message.time)), ms,
                               view(spdlog::level::to_string_view(message.level)));
        }
        line += view(message.payload);
        line.resize(std::min(line.size(), NonblockingOutput::kLongestLine - 1));
        line += '\n';
        return output_.write(line);
    } catch (const std::exception&) {
        return false;
    }
}

} // namespace echod
