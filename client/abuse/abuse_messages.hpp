// SPDX-License-Identifier: MIT
// What a misbehaving connection of each mode sends, and when it reads.
#pragma once

#include "client/load/session.hpp"
#include "client/message/payload.hpp"
#include "client/options/abuse_cohorts.hpp"
#include "client/result/abuse_result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace echoload {

/// The messages of all modes. Each connection sends valid messages of its own stream, as far as its
/// mode has any, so that echoes are verified as usual; some modes send invalid bytes after them.
class AbuseMessages {
public:
    explicit AbuseMessages(std::uint64_t seed);

    /// Makes the messages of `mode`, which have a size of their own.
    [[nodiscard]] const Generator& generator(AbuseMode mode) const noexcept {
        return generators_[static_cast<std::size_t>(mode)];
    }

    /// The number of a connection's stream, the same for all modes.
    [[nodiscard]] std::uint64_t stream(std::uint64_t connection) const noexcept {
        return generators_[0].stream(connection);
    }

    /// The bytes that follow the valid messages: a header with a size that is too large, or no
    /// header at all. Empty where the mode sends valid messages only.
    [[nodiscard]] std::vector<std::byte> invalid_bytes(AbuseMode mode, std::uint64_t stream) const;

    /// The part of `bytes` that has to be an echo of valid messages, where `before` bytes came
    /// before them: all of them, except for invalid bytes that the server returns unchanged.
    [[nodiscard]] std::span<const std::byte> echo_part(AbuseMode mode, std::uint64_t stream,
                                                       std::size_t before,
                                                       std::span<const std::byte> bytes) const;

private:
    PerAbuseMode<Generator> generators_;
};

/// The mode reads all echoes as they come.
[[nodiscard]] bool reads_at_once(AbuseMode mode) noexcept;

/// From one action of a connection to the next; nothing where the mode acts once.
[[nodiscard]] std::optional<Duration> action_interval(AbuseMode mode) noexcept;

/// Sets up the socket of the mode before connect(2); null where the defaults are right.
[[nodiscard]] Session::PrepareSocket prepare_socket(AbuseMode mode) noexcept;

} // namespace echoload
