// SPDX-License-Identifier: MIT
// What the tests of a session have in common: the server on the other end, and the clock.
#pragma once

#include "client/load/session.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <vector>

namespace echoload {

using namespace std::chrono_literals;

using Bytes = std::vector<std::byte>;

// A session on one end of a socket pair, a server that the test plays on the other, and a clock
// that the test turns.
struct SessionTest : testing::Test {
    SessionTest() { attach(0); }

    void attach(int send_buffer) {
        int fds[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        if (send_buffer != 0) {
            ASSERT_EQ(::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(int)), 0);
        }
        session = Session(7, generator.stream(7));
        session.adopt(echod::UniqueFd(fds[0]));
        server.reset(fds[1]);
    }

    // Sends all that the kernel takes.
    void send() {
        std::array<std::byte, 8192> scratch{};
        while (session.wants_to_send()) {
            const auto composed = session.compose(generator, scratch);
            const echod::IoResult result = session.send(generator, composed, now, tally);
            if (result.would_block()) {
                return;
            }
            ASSERT_EQ(result.error, 0);
        }
    }

    // What the session has sent.
    Bytes server_receives() {
        Bytes bytes(1 << 20U);
        std::size_t size = 0;
        while (size < bytes.size()) {
            const auto result = echod::receive(server.get(), std::span(bytes).subspan(size));
            if (result.bytes == 0) {
                break;
            }
            size += result.bytes;
        }
        bytes.resize(size);
        return bytes;
    }

    // The first wrong echo of `bytes`, behind which no more come.
    std::optional<Mismatch> verify(std::span<const std::byte> bytes) {
        found.clear();
        if (session.verify(rules, bytes, time(), tally, found) == VerifyState::undecided) {
            (void)session.settle(rules, time(), tally, found);
        }
        return found.empty() ? std::nullopt : std::optional(found.front());
    }

    ReceiveTime time() const { return {now, in_window}; }

    Bytes message(std::uint64_t sequence) const {
        const Message message = generator.message(generator.stream(7), sequence);
        Bytes bytes(message.length());
        write_message(message, bytes.data());
        return bytes;
    }

    Generator generator{42, SizeLaw()};
    VerifyRules rules{generator, VerifyLevel::full, false, nullptr};
    std::vector<Mismatch> found;
    Session session{0, 0};
    echod::UniqueFd server;
    TimePoint now = TimePoint(1000s);
    bool in_window = true;
    Tally tally;
};

inline void append(Bytes& to, const Bytes& bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

} // namespace echoload
