// SPDX-License-Identifier: MIT
#include "client/pace/reconnects.hpp"

#include <algorithm>
#include <array>

namespace echoload {

namespace {

// Others draw from the same seed: this one makes a sequence of its own.
constexpr std::uint32_t kReconnectSequence = 0x7265636f;

std::mt19937_64 reconnect_random(std::uint64_t seed, std::uint32_t loop) {
    const std::array<std::uint32_t, 4> words = {static_cast<std::uint32_t>(seed),
                                                static_cast<std::uint32_t>(seed >> 32U), loop,
                                                kReconnectSequence};
    std::seed_seq sequence(words.begin(), words.end());
    return std::mt19937_64(sequence);
}

// More doublings than the bound allows.
constexpr std::uint8_t kMostAttempts = 8;

} // namespace

Reconnects::Reconnects(std::uint32_t connections, std::uint64_t seed, std::uint32_t loop)
    : bound_(std::clamp<Duration>(std::chrono::milliseconds(connections), kLeastBound, kMostBound)),
      attempts_(connections), random_(reconnect_random(seed, loop)) {}

void Reconnects::add(std::uint32_t id, TimePoint now) {
    std::uint8_t& attempts = attempts_[id];
    Duration delay{};
    if (attempts != 0) {
        const Duration whole = std::min(kFirst * (1 << (attempts - 1)), bound_);
        delay = Duration(static_cast<std::int64_t>(
            random_() % static_cast<std::uint64_t>(whole.count() / 2 + 1)));
        delay += whole - whole / 2;
    }
    attempts = std::min<std::uint8_t>(attempts + 1, kMostAttempts);
    waiting_.emplace(now + delay, id);
}

std::optional<std::uint32_t> Reconnects::take(TimePoint now) {
    if (waiting_.empty() || waiting_.top().first > now) {
        return std::nullopt;
    }
    const std::uint32_t id = waiting_.top().second;
    waiting_.pop();
    return id;
}

} // namespace echoload
