// SPDX-License-Identifier: MIT
// Bytes that others chose, made fit for a line of a log or a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace echod {

/// The length of the character of UTF-8 that `text` begins with, 0 where it begins with none
/// (RFC 3629: none longer than needed, no surrogates, nothing above U+10FFFF).
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

/// `text` with a '?' for each byte of a control character, those of ASCII and U+0080 to U+009F, and
/// for each that is no UTF-8: what is left neither breaks a line nor commands a terminal.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace echod
