// SPDX-License-Identifier: MIT
// The command that sends the messages of a connection again.
#pragma once

#include "client/report/stored_result.hpp"

#include <cstdint>
#include <string>

namespace echoload {

/// "SEED:CONNECTION:SEQUENCE", the value of --replay.
[[nodiscard]] std::string replay_text(std::uint64_t seed, std::uint64_t connection,
                                      std::uint64_t sequence);

/// A line with the command that sends a wrong echo's connection again up to that message; nothing
/// for a merged result whose parts differ in what the command needs.
[[nodiscard]] std::string replay_line(const StoredResult& result, const Mismatch& mismatch);

} // namespace echoload
