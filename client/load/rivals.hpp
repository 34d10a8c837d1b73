// SPDX-License-Identifier: MIT
// Attempts to connect that continue beside a newer one to another address.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "client/pace/timed_queue.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace echoload {

using echod::Duration;

/// After this time without an answer, the next address is tried beside the first: RFC 8305, 5, the
/// Connection Attempt Delay.
inline constexpr Duration kAttemptDelay = std::chrono::milliseconds(250);

/// One of several attempts of a connection.
struct Rival {
    echod::UniqueFd fd; ///< registered with epoll
    std::uint32_t generation = 0;
    std::uint16_t address = 0;
};

/// The attempts of connections that have more than one under way, but for their newest. Few
/// connections have any, so they are stored by the number of the connection.
class Rivals {
public:
    void add(std::uint32_t id, Rival rival) { attempts_[id].push_back(std::move(rival)); }

    /// Removes and returns that attempt, or where no generation is given, the newest.
    [[nodiscard]] std::optional<Rival> take(std::uint32_t id,
                                            std::optional<std::uint64_t> generation = {});

    /// Closes the attempts of a connection; their addresses.
    std::vector<std::uint16_t> drop(std::uint32_t id);

private:
    std::unordered_map<std::uint32_t, std::vector<Rival>> attempts_;
};

} // namespace echoload
