// SPDX-License-Identifier: MIT
#include "client/message/mismatch.hpp"

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

// What happened to the expected message, which the sentence has named before.
std::string story(const Mismatch& wrong) {
    const Origin came = wrong.came.value_or(Origin{});
    const char* const header = wrong.offset < 8 ? " (in the header)" : "";
    switch (wrong.kind) {
    case MismatchKind::corrupt:
        return fmt::format("first wrong byte at offset {}{}", wrong.offset, header);
    case MismatchKind::truncated:
        return fmt::format("{} bytes of it came, then {}", wrong.offset,
                           wrong.came ? fmt::format("message {} of this connection", came.sequence)
                                      : "the server closed the connection");
    case MismatchKind::extra:
        return wrong.length == 0
                   ? "bytes came where no echo was expected: the message had not been "
                     "sent"
               : wrong.offset == 0 ? "bytes came before it where no echo was expected"
                                   : "bytes came where no echo was expected: the message had not "
                                     "been sent that far";
    case MismatchKind::duplicate:
        return fmt::format("message {} was echoed before and came again", came.sequence);
    case MismatchKind::reordered:
        return came.sequence > wrong.sequence
                   ? fmt::format("message {} came before it", came.sequence)
                   : fmt::format("message {} came, which had been left out", came.sequence);
    case MismatchKind::foreign:
        return fmt::format("from offset {} on these are bytes of connection {}, message {}, from "
                           "its offset {} on",
                           wrong.offset, came.connection, came.sequence, came.offset);
    }
    return {};
}

} // namespace

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
    fmt::format_to(out, "{} echo on connection {} ({} to {}), message {}",
                   echod::enum_name(mismatch.kind), mismatch.connection, mismatch.local,
                   mismatch.peer, mismatch.sequence);
    if (mismatch.length != 0) {
        fmt::format_to(out, " of {} bytes", mismatch.length);
    }
    fmt::format_to(out, ": {}\n", story(mismatch));
    text += "  expected\n" + hexdump(mismatch.expected, mismatch.window, mismatch.offset, "  ");
    text += "  received\n" + hexdump(mismatch.received, mismatch.window, mismatch.offset, "  ");
    return text;
}

} // namespace echoload
