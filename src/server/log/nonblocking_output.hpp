// SPDX-License-Identifier: MIT
// Writes lines to a descriptor that others share, without blocking.
#pragma once

#include "base/unique_fd.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace echod {

/// Writes lines to a borrowed descriptor, whatever it is connected to. Its O_NONBLOCK flag is never
/// changed, because it belongs to the open file description, which other processes share.
class NonblockingOutput {
public:
    /// The longest line. A pipe takes it completely or not at all (pipe(7)).
    static const std::size_t kLongestLine;

    explicit NonblockingOutput(int fd);

    /// Writes a line; returns false if that would block or fails. If only a part of it is taken,
    /// the rest is written before the next line.
    [[nodiscard]] bool write(std::string_view line) noexcept;

private:
    enum class Kind : std::uint8_t { file, socket, nonblocking, polled };

    [[nodiscard]] std::size_t write_some(std::string_view text) noexcept;
    [[nodiscard]] std::size_t write_polled(std::string_view text) noexcept;

    int fd_;
    Kind kind_;
    UniqueFd own_;     ///< the same pipe or terminal with O_NONBLOCK, if it can be opened
    std::string rest_; ///< what was not taken of the last line
    std::chrono::steady_clock::time_point silent_until_;
};

} // namespace echod
