// SPDX-License-Identifier: MIT
// Untrusted bytes, made safe for a log line or a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace echod {

/// The length in bytes of the UTF-8 character at the start of `text`, 0 if there is none (RFC 3629:
/// no overlong forms, no surrogates, nothing above U+10FFFF).
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

/// `text` with a '?' for each byte of a control character (ASCII and U+0080 to U+009F) and for each
/// byte that is not UTF-8. The result neither breaks a line nor controls a terminal.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace echod
