// SPDX-License-Identifier: MIT
#include "client/report/replay.hpp"

#include "client/report/text_request.hpp"

#include <fmt/format.h>

namespace echoload {

namespace {

// " --split random", where that is not the default; the messages depend on some of these options,
// and how they are sent on the others.
std::string option_text(const Json& requested, const char* key, const char* option,
                        std::string_view usual) {
    const std::string value = text_or_dash(requested, key);
    return value == usual || value == "-" ? "" : fmt::format(" {} {}", option, value);
}

} // namespace

std::string replay_text(std::uint64_t seed, std::uint64_t connection, std::uint64_t sequence) {
    return fmt::format("{}:{}:{}", seed, connection, sequence);
}

std::string replay_line(const StoredResult& result, const Mismatch& mismatch) {
    const Json& requested = result.requested;
    const std::vector<std::string> targets = targets_of(requested);
    if (!result.seed.is_number_unsigned() || !value_at<std::string>(requested, "sizes")) {
        return "";
    }
    return fmt::format(
        "  again: echoload --replay {}{}{}{}{}{} {}\n",
        replay_text(result.seed.get<std::uint64_t>(), mismatch.connection, mismatch.sequence),
        option_text(requested, "sizes", "--sizes", "uniform:0-1016"),
        option_text(requested, "pipeline", "-p", "1"),
        option_text(requested, "split", "--split", "none"),
        option_text(requested, "coalesce", "--coalesce", "1"),
        option_text(requested, "verify", "--verify", "full"),
        targets.size() == 1 ? targets.front() : mismatch.peer);
}

} // namespace echoload
