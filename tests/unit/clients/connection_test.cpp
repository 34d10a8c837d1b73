// SPDX-License-Identifier: MIT
#include "net/socket.hpp"
#include "server/clients/connection.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <random>
#include <vector>

using namespace echod;
using namespace std::chrono_literals;

namespace {

using Bytes = std::vector<std::byte>;

Bytes message(std::size_t payload, std::uint8_t fill = 0x5a) {
    Bytes bytes(kHeaderSize + payload, std::byte{fill});
    encode_header({7, static_cast<std::uint32_t>(payload)}, bytes.data());
    return bytes;
}

Bytes messages(std::size_t count, std::size_t payload) {
    Bytes bytes;
    for (std::size_t i = 0; i < count; ++i) {
        const Bytes one = message(payload, static_cast<std::uint8_t>(i));
        bytes.insert(bytes.end(), one.begin(), one.end());
    }
    return bytes;
}

Bytes invalid_header(std::uint32_t size) {
    Bytes bytes(kHeaderSize);
    encode_header({7, size}, bytes.data());
    return bytes;
}

// A connection over a socketpair, its peer, and a clock that the test sets.
class ConnectionTest : public testing::Test {
protected:
    ConnectionTest() {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        peer.reset(fds[1]);
        connection = Connection(UniqueFd(fds[0]), now);
    }
    ~ConnectionTest() override {
        if (connection.fd() >= 0) {
            connection.close(CloseReason::stopped, pool, counters);
        }
        EXPECT_EQ(pool.lent(), 0U) << "a closed connection has no buffer";
        EXPECT_EQ(counters.bytes_in,
                  counters.bytes_out + counters.bytes_dropped + counters.bytes_proxy);
        EXPECT_EQ(counters.messages_in, counters.messages_out + counters.messages_dropped);
        EXPECT_EQ(counters.closed_total(), 1U);
    }

    void peer_sends(std::span<const std::byte> bytes) {
        ASSERT_EQ(send_some(peer.get(), bytes).bytes, bytes.size());
        connection.note_edge(true, false);
    }
    void peer_shuts_down() {
        ASSERT_EQ(::shutdown(peer.get(), SHUT_WR), 0);
        connection.note_edge(true, true);
    }
    Bytes peer_reads() {
        Bytes all;
        std::array<std::byte, 4096> piece{};
        for (IoResult got = receive(peer.get(), piece); got.bytes != 0;
             got = receive(peer.get(), piece)) {
            all.insert(all.end(), piece.begin(), piece.begin() + static_cast<long>(got.bytes));
        }
        return all;
    }
    bool peer_sees_end() {
        std::array<std::byte, 1> byte{};
        const IoResult got = receive(peer.get(), byte);
        return got.bytes == 0 && got.error == 0;
    }
    Next serve(std::size_t receive_limit = kReceiveBuffer, bool draining = false) {
        ServeContext context{buffer, pool, counters, now, receive_limit, draining};
        return connection.serve(context);
    }
    // Serves until the connection waits or is over, as the ready queue does.
    Next serve_all(std::size_t receive_limit = kReceiveBuffer) {
        Next next = serve(receive_limit);
        for (int turns = 0; next == Next::more && turns < 10'000; ++turns) {
            next = serve(receive_limit);
        }
        return next;
    }
    void shrink_send_buffer() {
        const int size = 4096;
        ASSERT_EQ(::setsockopt(connection.fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    }
    // Replaces the socketpair with a TCP connection over loopback.
    void use_tcp(int receive_buffer_of_peer = 0) {
        const UniqueFd listener = listen_at(parse_ip("127.0.0.1", 0).value(), 1);
        const Endpoint at = local_endpoint(listener.get());
        peer.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int size = receive_buffer_of_peer;
        if (size != 0) {
            ASSERT_EQ(::setsockopt(peer.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
        }
        ASSERT_EQ(::connect(peer.get(), at.address(), at.length()), 0);
        set_nonblocking(peer.get());
        UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        ASSERT_TRUE(fd);
        connection = Connection(std::move(fd), now);
    }
    void end(CloseReason reason) { connection.close(reason, pool, counters); }

    TimePoint now{1h};
    std::array<std::byte, kReceiveBuffer> buffer{};
    BufferPool pool;
    Counters counters;
    UniqueFd peer;
    Connection connection;
};

} // namespace

TEST_F(ConnectionTest, WholeMessagesAreEchoedAndNothingIsBuffered) {
    const Bytes sent = messages(3, 100);
    peer_sends(sent);
    EXPECT_EQ(serve(), Next::wait_input);
    EXPECT_EQ(peer_reads(), sent);
    EXPECT_EQ(counters.messages_out, 3U);
    EXPECT_EQ(connection.buffered_bytes(), 0U);
    EXPECT_EQ(connection.deadline(), Deadline::none);
    EXPECT_EQ(connection.messages(), 3U);
    EXPECT_EQ(connection.bytes_received(), sent.size());
}

TEST_F(ConnectionTest, EverySplitPointGivesTheSameEcho) {
    const Bytes sent = [] {
        Bytes bytes = message(0);
        for (const std::size_t payload : {std::size_t{1}, std::size_t{9}, kMaxPayload}) {
            const Bytes one = message(payload);
            bytes.insert(bytes.end(), one.begin(), one.end());
        }
        return bytes;
    }();
    for (std::size_t split = 0; split <= sent.size(); ++split) {
        peer_sends(std::span(sent).first(split));
        ASSERT_EQ(serve(), Next::wait_input);
        peer_sends(std::span(sent).subspan(split));
        ASSERT_EQ(serve(), Next::wait_input);
        ASSERT_EQ(peer_reads(), sent) << split;
        ASSERT_EQ(connection.buffered_bytes(), 0U);
    }
}

TEST_F(ConnectionTest, OneByteAtATimeIsEchoedWhenTheMessageIsWhole) {
    const Bytes sent = message(kMaxPayload);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_EQ(connection.partial_bytes(), i);
        EXPECT_EQ(connection.header_seen(), i >= kHeaderSize);
        peer_sends(std::span(sent).subspan(i, 1));
        ASSERT_EQ(serve(), Next::wait_input);
    }
    EXPECT_EQ(peer_reads(), sent);
    EXPECT_EQ(connection.partial_bytes(), 0U);
}

TEST_F(ConnectionTest, RandomStreamsInRandomPiecesWithRandomQuotasComeBackInOrder) {
    std::mt19937 random(7);
    for (int round = 0; round < 100; ++round) {
        Bytes sent;
        for (std::size_t i = 0; i < 1 + random() % 30; ++i) {
            const Bytes one =
                message(random() % (kMaxPayload + 1), static_cast<std::uint8_t>(random()));
            sent.insert(sent.end(), one.begin(), one.end());
        }
        Bytes echoed;
        for (std::size_t at = 0; at < sent.size();) {
            const std::size_t piece = std::min<std::size_t>(1 + random() % 2500, sent.size() - at);
            peer_sends(std::span(sent).subspan(at, piece));
            at += piece;
            ASSERT_EQ(serve_all(1 + random() % 5000), Next::wait_input);
            const Bytes part = peer_reads();
            echoed.insert(echoed.end(), part.begin(), part.end());
        }
        ASSERT_EQ(echoed, sent);
        ASSERT_EQ(connection.buffered_bytes(), 0U);
    }
}

TEST_F(ConnectionTest, TheReceiveLimitEndsAVisitAndTheNextServesTheRest) {
    const Bytes sent = messages(25, kMaxPayload);
    peer_sends(sent);
    EXPECT_EQ(serve(10 * kMaxMessage), Next::more);
    EXPECT_EQ(counters.messages_out, 10U);
    EXPECT_EQ(connection.buffered_bytes(), 0U) << "what is not received stays in the kernel";
    EXPECT_EQ(serve(10 * kMaxMessage), Next::more);
    EXPECT_EQ(serve(10 * kMaxMessage), Next::wait_input);
    EXPECT_EQ(counters.messages_out, 25U);
    EXPECT_EQ(peer_reads(), sent);
}

TEST_F(ConnectionTest, AVisitEchoesEveryWholeMessageThatItReceives) {
    peer_sends(messages(100, 0));
    EXPECT_EQ(serve(kMaxMessage), Next::wait_input);
    EXPECT_EQ(counters.messages_out, 100U);
}

TEST_F(ConnectionTest, PendingOutputCanBeFlushedOnceThePeerHasRead) {
    shrink_send_buffer();
    while (counters.stalls == 0) {
        peer_sends(messages(4, kMaxPayload));
        (void)serve();
    }
    EXPECT_FALSE(connection.can_flush());
    (void)peer_reads();
    EXPECT_TRUE(connection.can_flush());
}

TEST_F(ConnectionTest, AFullReceiveBufferIsServedAgain) {
    peer_sends(messages(60, kMaxPayload));
    EXPECT_EQ(serve(), Next::more) << "after a full read more input may be there";
    EXPECT_EQ(counters.messages_out, kReceiveBuffer / kMaxMessage);
    EXPECT_EQ(serve_all(), Next::wait_input);
    EXPECT_EQ(counters.messages_out, 60U);
}

TEST_F(ConnectionTest, BeforeTheEndAnInvalidSizeGetsThePendingEchoes) {
    Bytes sent = messages(2, 50);
    const Bytes expected = sent;
    const Bytes bad = invalid_header(kMaxPayload + 1);
    sent.insert(sent.end(), bad.begin(), bad.end());
    sent.resize(sent.size() + 100); // followed by more input
    peer_sends(sent);
    EXPECT_EQ(serve(), Next::wait_input);
    EXPECT_EQ(connection.deadline(), Deadline::linger);
    EXPECT_EQ(peer_reads(), expected);
    EXPECT_TRUE(peer_sees_end());
    EXPECT_EQ(counters.protocol_errors, 1U);
    EXPECT_EQ(counters.bytes_dropped, 108U);

    peer_sends(messages(1, 10)); // read and discarded, so that close(2) sends no reset
    EXPECT_EQ(serve(), Next::wait_input);
    EXPECT_EQ(counters.messages_in, 2U);
    peer_shuts_down();
    EXPECT_EQ(serve(), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::protocol_error);
}

TEST_F(ConnectionTest, AFloodAfterAnInvalidSizeIsDiscardedUpToALimit) {
    peer_sends(invalid_header(0xffffffff));
    EXPECT_EQ(serve(), Next::wait_input);
    Next next = Next::wait_input;
    const Bytes junk(16 * 1024);
    for (int i = 0; i < 100 && next != Next::close; ++i) {
        peer_sends(junk);
        next = serve_all();
    }
    EXPECT_EQ(next, Next::close);
}

TEST_F(ConnectionTest, AHalfClosedPeerGetsEveryPendingEcho) {
    const Bytes sent = messages(30, kMaxPayload);
    peer_sends(sent);
    peer_shuts_down();
    EXPECT_EQ(serve_all(3), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::peer);
    end(connection.close_reason());
    EXPECT_EQ(peer_reads(), sent);
    EXPECT_TRUE(peer_sees_end());
}

TEST_F(ConnectionTest, AnIncompleteMessageAtTheEndIsDroppedAndCounted) {
    Bytes sent = messages(2, 20);
    peer_sends(sent);
    peer_sends(std::span(sent).first(11));
    peer_shuts_down();
    EXPECT_EQ(serve_all(), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::incomplete);
    EXPECT_EQ(peer_reads(), sent);
    end(connection.close_reason());
    EXPECT_EQ(counters.bytes_dropped, 11U);
}

TEST_F(ConnectionTest, APeerThatDoesNotReadCostsOneBufferAndIsNotReadFrom) {
    shrink_send_buffer();
    const Bytes block = messages(16, kMaxPayload);
    Next next = Next::wait_input;
    for (int i = 0; i < 20 && next != Next::wait_output; ++i) {
        peer_sends(block);
        next = serve_all();
    }
    ASSERT_EQ(next, Next::wait_output);
    EXPECT_EQ(connection.deadline(), Deadline::write);
    EXPECT_LE(connection.buffered_bytes(), kReceiveBuffer);
    const std::uint64_t received = counters.bytes_in;
    connection.note_edge(true, false);
    EXPECT_EQ(serve(), Next::wait_output);
    EXPECT_EQ(counters.bytes_in, received) << "nothing is received while output is pending";

    Bytes echoed = peer_reads();
    while (serve_all() == Next::wait_output) {
        EXPECT_EQ(counters.messages_out, counters.bytes_out / kMaxMessage);
        const Bytes part = peer_reads();
        ASSERT_FALSE(part.empty());
        echoed.insert(echoed.end(), part.begin(), part.end());
    }
    const Bytes part = peer_reads();
    echoed.insert(echoed.end(), part.begin(), part.end());
    EXPECT_EQ(echoed.size(), counters.bytes_in);
    EXPECT_EQ(connection.deadline(), Deadline::none);
    EXPECT_EQ(counters.messages_dropped, 0U);
}

TEST_F(ConnectionTest, AWriteIsStalledAfterAllSamplesAndProgressRestartsThem) {
    shrink_send_buffer();
    Next next = Next::wait_input;
    while (next != Next::wait_output) {
        peer_sends(messages(16, kMaxPayload));
        next = serve_all();
    }
    for (int look = 1; look < Connection::kWriteSamples; ++look) {
        now += 1s;
        EXPECT_FALSE(connection.write_is_stalled(now));
    }
    std::array<std::byte, 20'000> some{};
    ASSERT_GT(receive(peer.get(), some).bytes,
              0U); // the peer reads: the kernel's send queue shrinks
    EXPECT_FALSE(connection.write_is_stalled(now));
    EXPECT_EQ(connection.last_activity(), now);
    for (int look = 1; look < Connection::kWriteSamples; ++look) {
        EXPECT_FALSE(connection.write_is_stalled(now));
    }
    EXPECT_TRUE(connection.write_is_stalled(now));
    end(CloseReason::write_timeout);
    EXPECT_GT(counters.messages_dropped, 0U);
}

TEST_F(ConnectionTest, TheMessageDeadlineStartsAtTheFirstByteAndIsNotRestarted) {
    const Bytes sent = message(100);
    peer_sends(std::span(sent).first(4));
    EXPECT_EQ(serve(), Next::wait_input);
    EXPECT_EQ(connection.deadline(), Deadline::message);
    const TimePoint began = now;
    now += 3s;
    peer_sends(std::span(sent).subspan(4, 50));
    EXPECT_EQ(serve(), Next::wait_input);
    EXPECT_EQ(connection.deadline_since(), began);
    EXPECT_EQ(connection.last_activity(), now);
    now += 3s;
    peer_sends(std::span(sent).subspan(54));
    peer_sends(std::span(sent).first(1)); // the next message begins in the same call
    EXPECT_EQ(serve(), Next::wait_input);
    EXPECT_EQ(connection.deadline(), Deadline::message);
    EXPECT_EQ(connection.deadline_since(), now);
}

TEST_F(ConnectionTest, AResetHasItsOwnCloseReason) {
    peer_sends(messages(1, 10));
    ASSERT_EQ(serve(), Next::wait_input);
    peer.reset(); // its unread input makes close(2) send a reset
    connection.note_edge(true, true);
    EXPECT_EQ(serve(), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::reset_after_echo);
}

TEST_F(ConnectionTest, AResetWithinAMessageIsNotOneAfterTheEcho) {
    peer_sends(messages(1, 10));
    ASSERT_EQ(serve(), Next::wait_input);
    const Bytes begun = message(10);
    peer_sends(std::span(begun).first(5));
    ASSERT_EQ(serve(), Next::wait_input);
    peer.reset();
    connection.note_edge(true, true);
    EXPECT_EQ(serve(), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::reset);
}

TEST_F(ConnectionTest, APeerThatEndsWithoutAByteDidNotUseTheConnection) {
    peer_shuts_down();
    EXPECT_EQ(serve_all(), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::unused);
}

TEST_F(ConnectionTest, APROXYHeaderInAnyPiecesComesBeforeTheMessages) {
    const std::string_view text = "PROXY TCP4 192.0.2.1 198.51.100.2 4711 8007\r\n";
    const auto header = std::as_bytes(std::span(text));
    connection.expect_proxy_header(false);
    EXPECT_TRUE(connection.awaits_proxy_header());
    for (std::size_t i = 0; i + 1 < header.size(); ++i) {
        peer_sends(header.subspan(i, 1));
        ASSERT_EQ(serve_all(), Next::wait_input);
        ASSERT_EQ(connection.deadline(), Deadline::header);
        ASSERT_EQ(connection.deadline_since(), now) << "it runs from the accept on";
    }
    Bytes last = {header.back()};
    const Bytes sent = messages(2, 10);
    last.insert(last.end(), sent.begin(), sent.end());
    peer_sends(last);
    ASSERT_EQ(serve_all(), Next::proxied);
    const ProxySource source = connection.take_proxy_header(pool, counters);
    EXPECT_TRUE(source.named);
    EXPECT_EQ(source.port, 4711);
    EXPECT_EQ(serve_all(), Next::wait_input);
    EXPECT_EQ(peer_reads(), sent);
    EXPECT_EQ(connection.bytes_received(), sent.size());
    EXPECT_EQ(counters.bytes_proxy, header.size());
}

TEST_F(ConnectionTest, AHealthCheckWithNothingButAHeaderDidNotUseTheConnection) {
    const std::string_view text = "PROXY UNKNOWN\r\n";
    connection.expect_proxy_header(false);
    peer_sends(std::as_bytes(std::span(text)));
    peer_shuts_down();
    ASSERT_EQ(serve_all(), Next::proxied);
    EXPECT_FALSE(connection.take_proxy_header(pool, counters).named);
    EXPECT_EQ(serve_all(), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::unused);
}

TEST_F(ConnectionTest, AHeaderThatIsRefusedIsAProtocolErrorFromItsFirstByte) {
    const std::string_view text = "P";
    connection.expect_proxy_header(true);
    EXPECT_FALSE(connection.awaits_proxy_header());
    EXPECT_EQ(serve_all(), Next::wait_input);
    peer_sends(std::as_bytes(std::span(text)));
    (void)serve_all();
    EXPECT_TRUE(peer_sees_end());
    EXPECT_EQ(connection.close_reason(), CloseReason::protocol_error);
    EXPECT_EQ(counters.protocol_errors, 1U);
}

TEST_F(ConnectionTest, ADrainEchoesReceivedMessagesThenEndsTheConnection) {
    const Bytes sent = messages(3, 10);
    peer_sends(sent);
    EXPECT_EQ(serve(kReceiveBuffer, true), Next::wait_input);
    EXPECT_EQ(connection.deadline(), Deadline::linger);
    EXPECT_EQ(peer_reads(), sent);
    EXPECT_TRUE(peer_sees_end());
    peer_shuts_down();
    EXPECT_EQ(serve(kReceiveBuffer, true), Next::close);
    EXPECT_EQ(connection.close_reason(), CloseReason::drained);
}

TEST_F(ConnectionTest, ADrainLetsAnIncompleteMessageBeCompleted) {
    const Bytes sent = message(100);
    peer_sends(std::span(sent).first(20));
    EXPECT_EQ(serve(kReceiveBuffer, true), Next::wait_input);
    EXPECT_EQ(connection.deadline(), Deadline::message);
    peer_sends(std::span(sent).subspan(20));
    EXPECT_EQ(serve(kReceiveBuffer, true), Next::wait_input);
    EXPECT_EQ(connection.deadline(), Deadline::linger);
    EXPECT_EQ(peer_reads(), sent);
}

TEST_F(ConnectionTest, ADrainEndsAnIdleConnectionAtOnce) {
    connection.note_edge(true, false);
    EXPECT_EQ(serve(kReceiveBuffer, true), Next::wait_input);
    EXPECT_TRUE(peer_sees_end());
}

TEST_F(ConnectionTest, APeerThatHasNotAcknowledgedItsEchoesIsNotReset) {
    use_tcp(4096);
    const int large = 1 << 20;
    ASSERT_EQ(::setsockopt(connection.fd(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
    const Bytes piece = messages(25, 1000);
    const int size = static_cast<int>(piece.size());
    ASSERT_EQ(::setsockopt(connection.fd(), SOL_SOCKET, SO_RCVLOWAT, &size, sizeof size), 0);
    pollfd arrived{connection.fd(), POLLIN, 0}; // a whole piece
    Bytes sent;
    for (const bool draining : {false, false, false, false, false, true}) {
        peer_sends(piece);
        ASSERT_EQ(::poll(&arrived, 1, -1), 1);
        EXPECT_EQ(serve(kReceiveBuffer, draining), Next::wait_input);
        sent.insert(sent.end(), piece.begin(), piece.end());
    }
    ASSERT_EQ(connection.deadline(), Deadline::linger);
    for (int i = 0; i < 20; ++i) { // more than kLingerBytes
        peer_sends(piece);
        ASSERT_EQ(::poll(&arrived, 1, -1), 1);
        EXPECT_EQ(serve(kReceiveBuffer, true), Next::wait_input);
    }
    end(connection.close_reason());
    Bytes received;
    pollfd readable{peer.get(), POLLIN, 0};
    for (Bytes got; ::poll(&readable, 1, -1) == 1 && !(got = peer_reads()).empty();) {
        received.insert(received.end(), got.begin(), got.end());
    }
    EXPECT_TRUE(received == sent) << received.size();
}

TEST_F(ConnectionTest, AWriteTimeoutAbortsTheConnection) {
    use_tcp();
    end(CloseReason::write_timeout);
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(receive(peer.get(), byte).error, ECONNRESET);
}

TEST_F(ConnectionTest, AnyOtherEndClosesTheConnectionInOrder) {
    use_tcp();
    end(CloseReason::message_timeout);
    EXPECT_TRUE(peer_sees_end());
}
