// SPDX-License-Identifier: MIT
#include "client/abuse/abuse_messages.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace echoload {

namespace {

// Payload bytes of a message by mode; garbage is one payload without a header.
constexpr PerAbuseMode<std::uint32_t> kPayload = {56, 8, 8, 8, 56, 1016, 56, 1016};

constexpr Duration kDribbleInterval = std::chrono::milliseconds(100);
constexpr Duration kSlowReadInterval = std::chrono::milliseconds(250);

PerAbuseMode<Generator> make_generators(std::uint64_t seed) {
    const auto make = [seed](std::size_t mode) {
        return Generator(seed, SizeLaw::parse("fixed:" + std::to_string(kPayload[mode])));
    };
    return {make(0), make(1), make(2), make(3), make(4), make(5), make(6), make(7)};
}

// For modes that do not read: the server's send buffer is full soon, whatever size the kernel would
// let it grow to. Segments are those of an Ethernet.
void set_small_buffers(int fd) noexcept {
    const int receive = 4096;
    const int send = 32 * 1024;
    const int segment = 1448;
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
}

} // namespace

AbuseMessages::AbuseMessages(std::uint64_t seed) : generators_(make_generators(seed)) {}

std::vector<std::byte> AbuseMessages::invalid_bytes(AbuseMode mode, std::uint64_t stream) const {
    std::vector<std::byte> bytes;
    const Message message = generator(mode).message(stream, 0);
    if (mode == AbuseMode::oversize) {
        // Half of the sizes are too large by a single byte.
        const auto random = static_cast<std::uint32_t>(message.key);
        const std::uint32_t size =
            random % 2 == 0 ? echod::kMaxPayload + 1U : (random | 0x80000000U);
        bytes.resize(echod::kHeaderSize);
        echod::encode_header({message.type, size}, bytes.data());
    } else if (mode == AbuseMode::garbage) {
        bytes.resize(message.size);
        write_part(message, echod::kHeaderSize, bytes);
    }
    return bytes;
}

std::span<const std::byte> AbuseMessages::echo_part(AbuseMode mode, std::uint64_t stream,
                                                    std::size_t before,
                                                    std::span<const std::byte> bytes) const {
    const std::vector<std::byte> invalid = invalid_bytes(mode, stream);
    if (invalid.empty()) {
        return bytes;
    }
    const std::size_t valid =
        mode == AbuseMode::garbage ? 0 : generator(mode).message(stream, 0).length();
    const auto echo = bytes.first(std::min(bytes.size(), valid - std::min(valid, before)));
    const auto rest = bytes.subspan(echo.size());
    const std::size_t at = before + echo.size() - std::min(valid, before + echo.size());
    const bool returned =
        rest.size() <= invalid.size() - std::min(invalid.size(), at) &&
        std::equal(rest.begin(), rest.end(), invalid.begin() + static_cast<std::ptrdiff_t>(at));
    return returned ? echo : bytes;
}

bool reads_at_once(AbuseMode mode) noexcept {
    return mode != AbuseMode::slow_read && mode != AbuseMode::never_read;
}

std::optional<Duration> action_interval(AbuseMode mode) noexcept {
    switch (mode) {
    case AbuseMode::dribble:
        return kDribbleInterval;
    case AbuseMode::slow_read:
        return kSlowReadInterval;
    default:
        return std::nullopt;
    }
}

Session::PrepareSocket prepare_socket(AbuseMode mode) noexcept {
    return reads_at_once(mode) ? nullptr : &set_small_buffers;
}

} // namespace echoload
