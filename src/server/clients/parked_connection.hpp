// SPDX-License-Identifier: MIT
// A connection while it is handed over: the state that the old process stores for the new one.
#pragma once

#include "base/clock.hpp"
#include "wire/proxy_header.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace echod {

/// The state of a connection apart from its descriptor.
struct ParkedConnection {
    std::uint64_t messages = 0; ///< received since it was accepted
    std::uint64_t bytes = 0;    ///< received since it was accepted
    Duration age{};
    Duration idle{};
    Duration message_age{};              ///< of the incomplete message or header; zero: none
    std::uint16_t pending_out = 0;       ///< bytes at the front of `buffered`: pending output
    std::uint16_t pending_messages = 0;  ///< messages whose last byte is among them
    bool peer_done = false;              ///< end of file was read
    bool invalid = false;                ///< an invalid header follows the pending output
    std::span<const std::byte> buffered; ///< borrowed from the connection or the state
    std::uint64_t cookie = 0; ///< socket_cookie(), which identifies its descriptor; 0 in version 1
    Duration write_age{};     ///< since the last sample of a stalled write; zero: no sample yet
    std::uint8_t stalled_samples = 0; ///< samples in a row without progress
    std::uint32_t send_queue = 0;     ///< the send queue at the last sample
    bool proxy_expected = false;      ///< the PROXY header is incomplete; `invalid`: it is refused
    ProxySource source;               ///< the client that the PROXY header named

    /// How often a stalled write is sampled within timeouts.write.
    static constexpr int kWriteSamples = 4;

    [[nodiscard]] bool operator==(const ParkedConnection& other) const noexcept;
};

} // namespace echod
