// SPDX-License-Identifier: MIT
#include "server/config/nesting.hpp"

#include <algorithm>

namespace echod {

namespace {

constexpr std::size_t kMostNested = 16;

// The offset behind the string that begins at `begin` with a quote. A string of one line ends with
// the line, where it is an error.
std::size_t end_of_string(std::string_view text, std::size_t begin) noexcept {
    const char quote = text[begin];
    const auto quotes_at = [text, quote](std::size_t at) {
        std::size_t count = 0;
        while (at + count < text.size() && text[at + count] == quote && count < 5) {
            ++count;
        }
        return count;
    };
    const bool multi_line = quotes_at(begin) >= 3;
    std::size_t at = begin + (multi_line ? 3 : 1);
    while (at < text.size()) {
        if (text[at] == '\\' && quote == '"') {
            at += 2;
        } else if (text[at] == quote) {
            // A string of many lines may end with two quotes of its own.
            const std::size_t count = multi_line ? quotes_at(at) : 1;
            at += count;
            if (!multi_line || count >= 3) {
                return at;
            }
        } else if (text[at] == '\n' && !multi_line) {
            return at;
        } else {
            ++at;
        }
    }
    return text.size();
}

DeepPlace place_at(std::string_view text, std::size_t offset, std::string_view error) noexcept {
    const std::string_view before = text.substr(0, offset);
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::string_view in_line = before.substr(before.rfind('\n') + 1); // npos + 1 is 0
    const auto characters = std::count_if(in_line.begin(), in_line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; // not the rest of a character
    });
    return {offset, line + 1, static_cast<std::size_t>(characters) + 1, error};
}

} // namespace

std::optional<DeepPlace> find_deep_place(std::string_view text) noexcept {
    std::size_t nested = 0; // arrays and tables; the brackets of a [section] count as one
    std::size_t dots = 0;   // of the key, or what may be one
    std::size_t at = 0;
    while (at < text.size()) {
        switch (text[at]) {
        case '#':
            at = std::min(text.find('\n', at), text.size());
            continue;
        case '"':
        case '\'':
            at = end_of_string(text, at);
            continue;
        case '.':
            if (++dots == kMostNested) {
                return place_at(text, at, "a key must have at most 16 parts");
            }
            break;
        case '[':
        case '{':
            if (++nested > kMostNested) {
                return place_at(text, at, "arrays and tables must be nested at most 16 deep");
            }
            dots = 0;
            break;
        case ']':
        case '}':
            nested -= nested != 0 ? 1 : 0;
            dots = 0;
            break;
        case '\n':
        case '=':
        case ',':
            dots = 0;
            break;
        default:
            break;
        }
        ++at;
    }
    return std::nullopt;
}

} // namespace echod
