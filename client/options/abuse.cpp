// SPDX-License-Identifier: MIT
#include "client/options/groups.hpp"

namespace echoload {

void add_abuse_options(OptionReader& reader, Options& options) {
    reader.add("--abuse",
               "Open N connections per MODE, besides the others, that misbehave: " +
                   echod::enum_choices<AbuseMode>(),
               "MODE:N,...",
               [&options](const std::string& text) { options.abuse.parse_connections(text); });
    reader.add("--expect",
               "What the server must do with the connections of MODE: " +
                   echod::enum_choices<Expectation>(),
               "MODE=WHAT,...",
               [&options](const std::string& text) { options.abuse.parse_expected(text); });
}

void check_abuse_options(const Options& options) {
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (options.abuse.expected[mode] && options.abuse.connections[mode] == 0) {
            throw std::invalid_argument(
                fmt::format("--expect: there is no {0} connection; add --abuse {0}:N",
                            echod::kEnumNames<AbuseMode>[mode]));
        }
    }
}

} // namespace echoload
