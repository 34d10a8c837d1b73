// SPDX-License-Identifier: MIT
// The local addresses of connections: the value of --source.
#pragma once

#include "net/address.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace echoload {

/// One address, or the host addresses of an IPv4 or IPv6 network.
class SourceRange {
public:
    /// Parses "127.0.0.5", "::1" or "127.0.0.0/8". Throws std::invalid_argument with the valid
    /// form.
    [[nodiscard]] static SourceRange parse(std::string_view text);

    /// The number of addresses, limited to the largest 64-bit number.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    /// The address of connection `number`, with port 0; the addresses take turns.
    [[nodiscard]] echod::Endpoint of(std::uint64_t number) const noexcept;

    [[nodiscard]] int family() const noexcept { return first_.family(); }

    /// The text that was parsed.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    echod::Endpoint first_;
    std::uint64_t count_ = 1;
    std::string text_;
};

} // namespace echoload
