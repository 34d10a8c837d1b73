// SPDX-License-Identifier: MIT
#include "client/mismatch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace echoload {

namespace {

constexpr std::size_t kPerLine = 16;

char printable(std::byte byte) {
    const auto c = static_cast<char>(byte);
    return c >= ' ' && c <= '~' ? c : '.';
}

} // namespace

std::string_view to_string(MismatchKind kind) noexcept {
    switch (kind) {
    case MismatchKind::corrupt:
        return "corrupt";
    case MismatchKind::extra:
        return "extra";
    }
    return "unknown";
}

std::string hexdump(std::span<const std::byte> bytes, std::size_t first_offset,
                    std::size_t marked_offset, std::string_view indent) {
    if (bytes.empty()) {
        return fmt::format("{}  (nothing)\n", indent);
    }
    std::string text;
    auto out = std::back_inserter(text);
    for (std::size_t at = 0; at < bytes.size(); at += kPerLine) {
        const auto line = bytes.subspan(at, std::min(kPerLine, bytes.size() - at));
        const std::size_t offset = first_offset + at;
        const bool marked = marked_offset >= offset && marked_offset < offset + kPerLine;
        fmt::format_to(out, "{}{} {:04x} ", indent, marked ? '*' : ' ', offset);
        for (std::size_t i = 0; i < kPerLine; ++i) {
            text += i == kPerLine / 2 ? "  " : " ";
            if (i < line.size()) {
                fmt::format_to(out, "{:02x}", static_cast<unsigned>(line[i]));
            } else {
                text += "  ";
            }
        }
        text += "  |";
        std::transform(line.begin(), line.end(), std::back_inserter(text), printable);
        text += "|\n";
    }
    return text;
}

std::string describe(const Mismatch& mismatch) {
    std::string text;
    auto out = std::back_inserter(text);
    fmt::format_to(out, "{} echo on connection {} ({} to {}), message {}", to_string(mismatch.kind),
                   mismatch.connection, mismatch.local, mismatch.peer, mismatch.sequence);
    if (mismatch.kind == MismatchKind::extra) {
        fmt::format_to(out, ": bytes came back that nothing was owed for; that message had {}\n",
                       mismatch.length == 0 ? "not been sent" : "not been sent so far");
    } else {
        fmt::format_to(out, " of {} bytes: first wrong byte at offset {}{}\n", mismatch.length,
                       mismatch.offset, mismatch.offset < 8 ? " (in the header)" : "");
    }
    text += "  expected\n" + hexdump(mismatch.expected, mismatch.window, mismatch.offset, "  ");
    text += "  received\n" + hexdump(mismatch.received, mismatch.window, mismatch.offset, "  ");
    return text;
}

} // namespace echoload
