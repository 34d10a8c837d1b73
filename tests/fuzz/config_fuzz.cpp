// SPDX-License-Identifier: MIT
// Any text is a configuration or a ConfigError of clean lines; what is one prints and reads back.
#include "bytes.hpp"
#include "server/config.hpp"

#include <string>

namespace {

using namespace echod;

void check_line(const std::string& line) {
    fuzz::require(line.rfind("f:", 0) == 0, "a line of error begins with the file");
    constexpr std::size_t kLongest = 1000;
    fuzz::require(line.size() <= kLongest, "a line of error has a bearable length");
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        fuzz::require(byte >= 0x20 && byte != 0x7f, "a line of error is one line, printable");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
        const Config config = parse_config(text, "f");
        const std::string printed = format_config(config);
        fuzz::require(parse_config(printed, "printed") == config, "what is printed reads back");
        fuzz::require(format_config(parse_config(printed, "printed")) == printed,
                      "printed again, it is the same");
        fuzz::require(!config.listen.addresses.empty() && config.limits.max_connections != 0 &&
                          config.limits.quota_messages != 0 && config.limits.accepts_per_turn != 0,
                      "the bounds hold");
    } catch (const ConfigError& error) {
        fuzz::require(!error.lines().empty(), "an error says what is wrong");
        for (const std::string& line : error.lines()) {
            check_line(line);
        }
    }
    return 0;
}
