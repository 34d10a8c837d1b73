// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

#include "base/units.hpp"

namespace echoload {

std::uint64_t count_in(const std::string& text, std::uint64_t low, std::uint64_t high) {
    const auto value = echod::parse_count(text);
    if (!value || *value < low || *value > high) {
        throw CLI::ValidationError(fmt::format("must be {} to {}, is '{}'", low, high, text));
    }
    return *value;
}

Duration duration_in(const std::string& text, Duration low, Duration high) {
    const auto value = echod::parse_duration(text);
    if (!value) {
        throw CLI::ValidationError(
            fmt::format("must be a number with ns, us, ms, s, m or h, is '{}'", text));
    }
    if (*value < low || *value > high) {
        throw CLI::ValidationError(fmt::format("must be {} to {}, is '{}'",
                                               echod::format_duration(low),
                                               echod::format_duration(high), text));
    }
    return *value;
}

} // namespace echoload
