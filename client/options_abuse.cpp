// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

namespace echoload {

void add_abuse_options(OptionReader& reader, Options& options) {
    reader.add("--abuse",
               "misbehaving connections beside the others: slow-read, dribble, idle, half-header, "
               "oversize, garbage, rst and never-read, each with how many",
               "MODE:N,...",
               [&options](const std::string& text) { options.abuse.parse_connections(text); });
    reader.add("--expect", "what the server is to do with those: close, echo or keep them",
               "MODE=WHAT,...",
               [&options](const std::string& text) { options.abuse.parse_expected(text); });
}

void check_abuse_options(const Options& options) {
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (options.abuse.expected[mode] && options.abuse.connections[mode] == 0) {
            const auto name = to_string(static_cast<AbuseMode>(mode));
            throw std::invalid_argument(
                fmt::format("--expect: there is no {0}; ask for it with --abuse {0}:N", name));
        }
    }
}

} // namespace echoload
