// SPDX-License-Identifier: MIT
#include "server/config/writer.hpp"

#include "base/units.hpp"
#include "server/config/schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <concepts>
#include <optional>
#include <string_view>
#include <vector>

namespace echod {

namespace {

// One overload for each rule of the schema.
template <std::unsigned_integral Number>
std::string print(Number value, const WholeNumber&) {
    return fmt::format("{}", value);
}

std::string print(Duration value, const Time&) {
    return fmt::format("\"{}\"", format_duration(value));
}

std::string print(const std::optional<Duration>& value, const TimeOrAuto&) {
    return value ? fmt::format("\"{}\"", format_duration(*value)) : "\"auto\"";
}

std::string print(std::uint32_t value, const ByteSize&) {
    return fmt::format("\"{}\"", format_bytes(value));
}

std::string print(const std::vector<std::string>& value, const IpAddresses&) {
    return fmt::format("[\"{}\"]", fmt::join(value, "\", \""));
}

std::string print(const std::vector<std::string>& value, const Networks&) {
    return value.empty() ? "[]" : print(value, IpAddresses{});
}

template <class Enum>
std::string print(Enum value, const NameOf<Enum>&) {
    return fmt::format("\"{}\"", enum_name(value));
}

} // namespace

std::string format_config(const Config& config) {
    std::string text;
    std::string_view current;
    visit_config(config, [&](std::string_view section, std::string_view key, const auto& value,
                             const auto& rule) {
        if (section != current) {
            text += fmt::format("{}[{}]\n", current.empty() ? "" : "\n", section);
            current = section;
        }
        text += fmt::format("{} = {}\n", key, print(value, rule));
    });
    return text;
}

} // namespace echod
