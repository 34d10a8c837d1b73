// SPDX-License-Identifier: MIT
// Which of our own addresses connections come from.
#pragma once

#include "net/address.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace echoload {

/// One address, or the addresses of hosts in a network of IPv4 or IPv6.
class SourceRange {
public:
    /// Reads "127.0.0.5", "::1" or "127.0.0.0/8". Throws std::invalid_argument that says what would
    /// be right.
    [[nodiscard]] static SourceRange parse(std::string_view text);

    /// How many addresses there are, or the largest number.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    /// The address of connection `number`, with port 0: one after the other, and round again.
    [[nodiscard]] echod::Endpoint of(std::uint64_t number) const noexcept;

    [[nodiscard]] int family() const noexcept { return first_.family(); }

    /// The text that parse() reads back.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    echod::Endpoint first_;
    std::uint64_t count_ = 1;
    std::string text_;
};

} // namespace echoload
