// SPDX-License-Identifier: MIT
// Any text is a configuration or a ConfigError with printable lines; a configuration is printed and
// read back unchanged.
#include "bytes.hpp"
#include "server/config/reader.hpp"
#include "server/config/writer.hpp"

#include <string>

namespace {

using namespace echod;

void check_line(const std::string& line) {
    fuzz::require(line.rfind("f:", 0) == 0, "an error line begins with the file");
    constexpr std::size_t kLongest = 1000;
    fuzz::require(line.size() <= kLongest, "an error line has a bounded length");
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        fuzz::require(byte >= 0x20 && byte != 0x7f, "an error line is one printable line");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
        const Config config = parse_config(text, "f");
        const std::string printed = format_config(config);
        fuzz::require(parse_config(printed, "printed") == config,
                      "the output is read back unchanged");
        fuzz::require(format_config(parse_config(printed, "printed")) == printed,
                      "it is printed again unchanged");
        fuzz::require(!config.listen.addresses.empty() && config.limits.max_connections != 0 &&
                          config.limits.quota_messages != 0 && config.limits.accepts_per_turn != 0,
                      "values are within their limits");
    } catch (const ConfigError& error) {
        fuzz::require(!error.lines().empty(), "an error has a text");
        for (const std::string& line : error.lines()) {
            check_line(line);
        }
    }
    return 0;
}
