// SPDX-License-Identifier: MIT
#include "session_fixture.hpp"

#include <random>

using namespace echoload;

TEST_F(SessionTest, SendsTheGeneratedMessagesInOrder) {
    session.queue(5, true);
    send();
    Bytes expected;
    for (std::uint64_t sequence = 0; sequence < 5; ++sequence) {
        append(expected, message(sequence));
    }
    EXPECT_EQ(server_receives(), expected);
    EXPECT_EQ(session.in_flight(), 5U);
    EXPECT_EQ(session.outstanding(), 5U);
    EXPECT_EQ(tally.messages.sent, 5U);
    EXPECT_EQ(tally.bytes.sent, expected.size());
}

TEST_F(SessionTest, VerifiesEchoesOneByteAtATime) {
    session.queue(20, true);
    send();
    const Bytes echo = server_receives();
    for (const std::byte& byte : echo) {
        ASSERT_FALSE(verify({&byte, 1}));
    }
    EXPECT_EQ(tally.messages.verified, 20U);
    EXPECT_EQ(tally.service.count(), 20U);
    EXPECT_EQ(tally.bytes.received, echo.size());
    EXPECT_EQ(tally.bytes.in_window, echo.size());
    EXPECT_EQ(session.outstanding(), 0U);
}

TEST_F(SessionTest, VerifiesEchoesInAnySplit) {
    std::mt19937 random(5);
    for (int round = 0; round < 300; ++round) {
        session.queue(static_cast<std::uint32_t>(1 + random() % 30), true);
        send();
        const Bytes echo = server_receives();
        for (std::size_t at = 0; at < echo.size();) {
            const std::size_t size = std::min<std::size_t>(1 + random() % 4000, echo.size() - at);
            ASSERT_FALSE(verify(std::span(echo).subspan(at, size)));
            at += size;
        }
        ASSERT_EQ(session.outstanding(), 0U);
    }
    EXPECT_EQ(tally.messages.verified, tally.messages.sent);
    EXPECT_EQ(tally.mismatches, 0U);
}

TEST_F(SessionTest, BytesThatTheKernelDoesNotTakeAreSentLaterWithoutAGap) {
    attach(4096);
    session.queue(200, true);
    Bytes received;
    for (int i = 0; i < 10'000 && received.size() < 200 * echod::kMaxMessage; ++i) {
        send();
        append(received, server_receives());
        if (!session.wants_to_send()) {
            break;
        }
    }
    append(received, server_receives());
    Bytes expected;
    for (std::uint64_t sequence = 0; sequence < 200; ++sequence) {
        append(expected, message(sequence));
    }
    EXPECT_EQ(received, expected);
    EXPECT_FALSE(verify(received));
    EXPECT_EQ(tally.messages.verified, 200U);
}

TEST_F(SessionTest, ABegunMessageIsInFlightAndTheOthersCanBeTakenBack) {
    session.queue(3, true);
    const Bytes first = message(0);
    const Bytes second = message(1);
    Bytes part = first;
    part.insert(part.end(), second.begin(), second.begin() + 5);
    ASSERT_EQ(session.send(generator, part, now, tally).bytes, part.size());
    EXPECT_EQ(session.in_flight(), 2U);
    EXPECT_EQ(session.outstanding(), 3U);
    EXPECT_EQ(session.unqueue(), 1U);
    EXPECT_EQ(session.outstanding(), 2U);
    send(); // the rest of the second
    append(part, Bytes(second.begin() + 5, second.end()));
    EXPECT_EQ(server_receives(), part);
    EXPECT_FALSE(session.wants_to_send());
}

TEST_F(SessionTest, MeasuredMessagesThatWereNotBegunAreCounted) {
    session.queue(2, false);
    EXPECT_EQ(session.measured_unbegun(), 0U);
    session.queue(3, true);
    EXPECT_EQ(session.measured_unbegun(), 3U);
    send();
    EXPECT_EQ(session.measured_unbegun(), 0U);
    session.queue(4, true);
    EXPECT_EQ(session.measured_unbegun(), 4U);
    EXPECT_EQ(session.unqueue(), 4U);
    EXPECT_EQ(session.measured_unbegun(), 0U);
}

TEST_F(SessionTest, WhatIsUnansweredWhenTheMeasuredPartBeginsIsInTheLatencySinceItWasSent) {
    session.queue(2, false);
    send();
    ASSERT_FALSE(verify(message(0))); // before the beginning: not measured
    now += 800ms;
    session.carry_over();
    session.queue(1, true);
    send();
    now += 200ms;
    ASSERT_FALSE(verify(message(1)));
    ASSERT_FALSE(verify(message(2)));
    EXPECT_EQ(tally.messages.measured, 1U);
    EXPECT_EQ(tally.messages.carried_over, 1U);
    EXPECT_EQ(tally.service.count(), 2U);
    EXPECT_EQ(tally.service.max(), 1s);
    EXPECT_EQ(tally.service.min(), 200ms);
}

TEST_F(SessionTest, WhatIsUnansweredWhenTheMeasuredPartBeginsAndTimesOutIsInTheLatency) {
    session.queue(1, false);
    send();
    session.carry_over();
    now += 10s;
    session.end(Ending::timed_out, now, 10s, tally);
    EXPECT_EQ(tally.messages.timed_out, 1U);
    EXPECT_EQ(tally.service.max(), 10s);
}

TEST_F(SessionTest, LatencyIsFromTheSendCallToTheReceiveCall) {
    session.queue(1, true);
    send();
    now += 3ms;
    session.queue(1, true);
    send();
    now += 2ms;
    ASSERT_FALSE(verify(message(0)));
    const Bytes second = message(1);
    now += 1ms;
    ASSERT_FALSE(verify(std::span(second).first(4))); // no echo is complete by this
    EXPECT_EQ(tally.service.count(), 1U);
    EXPECT_EQ(tally.service.max(), Duration(5ms));
    now += 4ms;
    ASSERT_FALSE(verify(std::span(second).subspan(4)));
    EXPECT_EQ(tally.service.max(), Duration(7ms));
    EXPECT_EQ(tally.service.min(), Duration(5ms));
}

TEST_F(SessionTest, OnlyTheMeasuredPartIsTimedAndEveryEchoInTheWindowIsInTheRate) {
    session.queue(2, false);
    session.queue(3, true);
    send();
    Bytes echo = server_receives();
    const Bytes last = message(4);
    ASSERT_FALSE(verify(std::span(echo).first(echo.size() - last.size())));
    in_window = false;
    ASSERT_FALSE(verify(last));
    EXPECT_EQ(tally.messages.verified, 5U);
    EXPECT_EQ(tally.messages.measured, 3U);
    EXPECT_EQ(tally.service.count(), 3U);
    EXPECT_EQ(tally.messages.in_window, 4U) << "two of them were sent before it";
    EXPECT_EQ(tally.bytes.in_window, echo.size() - last.size());
}

TEST_F(SessionTest, EveryCorruptByteIsNamedByConnectionSequenceAndOffset) {
    const std::size_t size = message(1).size();
    ASSERT_GT(size, 200U);
    for (std::size_t at = 0; at < size; at += 7) {
        for (const std::size_t split : {std::size_t{0}, std::size_t{3}, size / 2, size - 1}) {
            attach(0);
            tally.clear();
            session.queue(2, true);
            send();
            Bytes echo = server_receives();
            const std::size_t cut = message(0).size() + split;
            echo[message(0).size() + at] ^= std::byte{0x10};
            auto wrong = verify(std::span(echo).first(cut));
            if (!wrong) {
                wrong = verify(std::span(echo).subspan(cut));
            }
            ASSERT_TRUE(wrong) << at << " " << split;
            EXPECT_EQ(wrong->kind, MismatchKind::corrupt);
            EXPECT_EQ(wrong->connection, 7U);
            EXPECT_EQ(wrong->sequence, 1U);
            EXPECT_EQ(wrong->length, size);
            ASSERT_EQ(wrong->offset, at);
            // Both excerpts begin at the same byte and differ first at the wrong one.
            const std::size_t lead = at - wrong->window;
            ASSERT_GT(wrong->expected.size(), lead);
            ASSERT_GT(wrong->received.size(), lead);
            EXPECT_TRUE(std::equal(wrong->expected.begin(),
                                   wrong->expected.begin() + static_cast<std::ptrdiff_t>(lead),
                                   wrong->received.begin()));
            EXPECT_EQ(wrong->expected[lead] ^ wrong->received[lead], std::byte{0x10});
            EXPECT_EQ(tally.messages.verified, 1U);
            EXPECT_EQ(tally.messages.wrong, 1U);
        }
    }
}

TEST_F(SessionTest, BytesBeyondTheLastEchoAreExtra) {
    session.queue(1, true);
    send();
    Bytes echo = server_receives();
    echo.push_back(std::byte{0xee});
    const auto wrong = verify(echo);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->kind, MismatchKind::extra);
    EXPECT_EQ(wrong->sequence, 1U);
    EXPECT_EQ(wrong->length, 0U);
    EXPECT_TRUE(wrong->expected.empty());
    EXPECT_EQ(wrong->received, Bytes{std::byte{0xee}});
    EXPECT_EQ(tally.messages.verified, 1U);
    EXPECT_EQ(tally.mismatches, 1U);
    EXPECT_NE(describe(*wrong).find("extra echo on connection 7"), std::string::npos);
}

TEST_F(SessionTest, BytesBeforeTheFirstMessageAreExtra) {
    const auto wrong = verify(message(0));
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->kind, MismatchKind::extra);
    EXPECT_EQ(wrong->received.size(), kExcerptSize);
}

TEST_F(SessionTest, AnEchoOfAnUnsentMessageIsExtraEvenIfItIsRight) {
    session.queue(1, true);
    const Bytes whole = message(0);
    ASSERT_GT(whole.size(), 20U);
    ASSERT_EQ(session.send(generator, std::span(whole).first(10), now, tally).bytes, 10U);
    EXPECT_FALSE(verify(std::span(whole).first(4)));
    EXPECT_FALSE(verify(std::span(whole).subspan(4, 6)));
    const auto wrong = verify(std::span(whole).subspan(10, 1));
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->kind, MismatchKind::extra);
    EXPECT_EQ(wrong->offset, 10U);
    EXPECT_EQ(wrong->length, whole.size());
}

TEST_F(SessionTest, TheDeadlineIsThatOfTheOldestUnansweredMessage) {
    EXPECT_FALSE(session.deadline(1s));
    session.queue(1, true);
    EXPECT_FALSE(session.deadline(1s)) << "nothing is sent yet";
    send();
    const TimePoint first = now;
    now += 300ms;
    session.queue(1, true);
    send();
    EXPECT_EQ(session.deadline(1s), first + 1s);
    ASSERT_FALSE(verify(message(0)));
    EXPECT_EQ(session.deadline(1s), now + 1s);
    ASSERT_FALSE(verify(message(1)));
    EXPECT_FALSE(session.deadline(1s));
}

TEST_F(SessionTest, ATimeoutCountsOldMessagesAsTimedOutAtTheirAgeAndYoungerOnesAsLost) {
    session.queue(2, true);
    send();
    now += 600ms;
    session.queue(1, true);
    send();
    now += 500ms;
    session.end(Ending::timed_out, now, 1s, tally);
    EXPECT_EQ(tally.messages.timed_out, 2U);
    EXPECT_EQ(tally.messages.lost, 1U);
    EXPECT_EQ(tally.service.count(), 2U);
    EXPECT_EQ(tally.service.min(), Duration(1100ms));
    EXPECT_EQ(session.outstanding(), 0U);
    EXPECT_FALSE(session.deadline(1s));
    EXPECT_EQ(session.fd(), -1);
}

TEST_F(SessionTest, HoweverASessionEndsEverySentMessageIsCountedOnce) {
    for (const Ending ending :
         {Ending::broken, Ending::timed_out, Ending::run_over, Ending::given_up}) {
        attach(0);
        tally.clear();
        session.queue(4, true);
        send();
        ASSERT_FALSE(verify(message(0)));
        Bytes corrupt = message(1);
        corrupt[3] ^= std::byte{1};
        ASSERT_TRUE(verify(corrupt));
        session.end(ending, now, 1s, tally);
        const MessageCounts& counts = tally.messages;
        EXPECT_EQ(counts.sent, 4U);
        EXPECT_EQ(counts.verified + counts.wrong + counts.timed_out + counts.lost +
                      counts.in_flight,
                  counts.sent);
    }
}

TEST_F(SessionTest, EndOfFileComesAfterTheEchoesBeforeIt) {
    session.queue(2, true);
    send();
    const Bytes echo = server_receives();
    const Bytes first = message(0);
    ASSERT_EQ(echod::send_some(server.get(), std::span(echo).first(first.size() + 3)).bytes,
              first.size() + 3);
    server.reset();
    std::array<std::byte, 4096> buffer{};
    const echod::IoResult bytes = session.receive(buffer);
    ASSERT_EQ(bytes.bytes, first.size() + 3);
    EXPECT_FALSE(verify(std::span(buffer).first(bytes.bytes)));
    const echod::IoResult end = session.receive(buffer);
    EXPECT_EQ(end.bytes, 0U);
    EXPECT_EQ(end.error, 0);
    EXPECT_EQ(session.in_flight(), 1U);
    EXPECT_EQ(session.echoed_of_oldest(), 3U);
}

TEST_F(SessionTest, ARefusedConnectIsAnErrnoAndAPendingOneHasADeadline) {
    const echod::UniqueFd holder(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const echod::Endpoint any = *echod::parse_ip("127.0.0.1", 0);
    ASSERT_EQ(::bind(holder.get(), any.address(), any.length()), 0); // bound, and not listening
    Session other(1, generator.stream(1));
    const ConnectResult result = other.connect(echod::local_endpoint(holder.get()), now);
    if (result.state == ConnectState::pending) {
        EXPECT_TRUE(other.connecting());
        EXPECT_EQ(other.deadline(2s), now + 2s);
        EXPECT_EQ(other.finish_connect(), ECONNREFUSED);
    } else {
        EXPECT_EQ(result.error, ECONNREFUSED);
    }
    EXPECT_FALSE(other.is_up());
}

TEST_F(SessionTest, ConnectsToAListener) {
    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 1);
    Session other(1, generator.stream(1));
    const ConnectResult result = other.connect(echod::local_endpoint(listener.get()), now);
    if (result.state == ConnectState::pending) {
        EXPECT_EQ(other.finish_connect(), 0);
    }
    EXPECT_TRUE(other.is_up());
}

TEST_F(SessionTest, AConnectionToItselfIsRefused) {
    // Bound and connected to the same port without a listener: TCP's simultaneous open.
    echod::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const echod::Endpoint any = *echod::parse_ip("127.0.0.1", 0);
    ASSERT_EQ(::bind(fd.get(), any.address(), any.length()), 0);
    const echod::Endpoint own = echod::local_endpoint(fd.get());
    ASSERT_EQ(::connect(fd.get(), own.address(), own.length()), 0);
    Session other(1, generator.stream(1));
    other.adopt(std::move(fd));
    EXPECT_EQ(other.finish_connect(), ECONNREFUSED);
}

TEST_F(SessionTest, InAnOpenLoopTheResponseTimeBeginsAtTheDueTime) {
    session.wait_to_queue(now - 30ms, true);
    session.wait_to_queue(now - 20ms, true);
    session.wait_to_queue(now - 10ms, true);
    EXPECT_EQ(session.waiting(), 3U);
    EXPECT_EQ(session.outstanding(), 0U);
    EXPECT_FALSE(session.wants_to_send()) << "it waits until it is granted";
    session.queue(1, false);
    EXPECT_EQ(session.waiting(), 2U);
    send();
    now += 5ms;
    EXPECT_FALSE(verify(server_receives()));
    EXPECT_EQ(tally.service.max(), Duration(5ms));
    EXPECT_EQ(tally.response.max(), Duration(35ms));
    EXPECT_EQ(tally.response.count(), 1U);
    EXPECT_EQ(tally.messages.measured_sent, 1U);
}

TEST_F(SessionTest, InAnOpenLoopEveryUnansweredMessageThatWasSentIsInTheHistogramsAtItsAge) {
    session.wait_to_queue(now - 50ms, false);
    session.wait_to_queue(now - 40ms, true);
    session.wait_to_queue(now - 30ms, true);
    session.queue(2, false);
    send();
    now += 7ms;
    session.end(Ending::run_over, now, 10s, tally);
    EXPECT_EQ(tally.messages.in_flight, 2U);
    EXPECT_EQ(tally.messages.unsent, 1U);
    EXPECT_EQ(tally.service.count(), 1U) << "the first is not measured, the last was not sent";
    EXPECT_EQ(tally.service.max(), Duration(7ms));
    EXPECT_EQ(tally.response.count(), 1U) << "one that was never sent has no time";
    EXPECT_EQ(tally.response.max(), Duration(47ms));
    EXPECT_EQ(tally.messages.measured_gone, 1U);
    EXPECT_EQ(session.waiting(), 0U);
}

TEST_F(SessionTest, MessagesOfABrokenConnectionAreCountedAndNotTimedInAnOpenLoop) {
    session.wait_to_queue(now - 1ms, true);
    session.wait_to_queue(now - 1ms, true);
    session.queue(1, false);
    send();
    session.end(Ending::broken, now, 10s, tally);
    EXPECT_EQ(tally.messages.lost, 1U);
    EXPECT_EQ(tally.messages.unsent, 1U);
    EXPECT_EQ(tally.messages.measured_gone, 2U);
    EXPECT_EQ(tally.response.count() + tally.service.count(), 0U) << "a reset is no fast answer";
}

TEST_F(SessionTest, YoungerMessagesThatATimeoutEndsAreCountedAndNotTimedInAnOpenLoop) {
    session.wait_to_queue(now - 1ms, true);
    session.queue(1, false);
    send();
    now += 990ms;
    session.wait_to_queue(now - 1ms, true);
    session.wait_to_queue(now, true);
    session.queue(1, false);
    send();
    now += 10ms;
    session.end(Ending::timed_out, now, 1s, tally);
    EXPECT_EQ(tally.messages.timed_out, 1U);
    EXPECT_EQ(tally.messages.lost, 1U);
    EXPECT_EQ(tally.messages.unsent, 1U);
    EXPECT_EQ(tally.messages.measured_gone, 2U);
    EXPECT_EQ(tally.service.count(), 1U);
    EXPECT_EQ(tally.service.min(), Duration(1s));
    EXPECT_EQ(tally.response.count(), 1U);
    EXPECT_EQ(tally.response.min(), Duration(1001ms));
}

TEST_F(SessionTest, MessagesThatAreGivenUpHaveTimedOutAtTheirAge) {
    session.queue(2, true);
    send();
    now += 3ms;
    session.end(Ending::given_up, now, 10s, tally);
    EXPECT_EQ(tally.messages.timed_out, 2U);
    EXPECT_EQ(tally.service.count(), 2U);
    EXPECT_EQ(tally.service.min(), Duration(3ms));
}

TEST_F(SessionTest, DueTimesAreBufferedForAnyNumberOfWaitingMessages) {
    for (int i = 0; i < 1000; ++i) {
        session.wait_to_queue(now - Duration(i), true);
    }
    for (int i = 0; i < 1000; ++i) {
        session.queue(1, false);
        send();
        ASSERT_FALSE(verify(server_receives()));
        ASSERT_EQ(tally.response.max(), Duration(i));
    }
    EXPECT_EQ(tally.response.count(), 1000U);
    EXPECT_EQ(tally.response.min(), Duration(0));
}

TEST_F(SessionTest, AHalfClosedSessionWaitsForItsEchoesAndThenForTheEndOfFile) {
    session.queue(1, true);
    send();
    EXPECT_EQ(session.half_close(now + 1s), 0);
    EXPECT_TRUE(session.half_closed());
    EXPECT_EQ(session.deadline(10s), now + 10s) << "of the message";
    const Bytes bytes = server_receives();
    EXPECT_EQ(bytes, message(0));
    std::byte more{};
    EXPECT_EQ(echod::receive(server.get(), {&more, 1}).bytes, 0U) << "end of file";
    EXPECT_EQ(echod::receive(server.get(), {&more, 1}).error, 0);
    EXPECT_FALSE(verify(bytes));
    EXPECT_EQ(session.deadline(10s), now + 11s) << "of the end of file";
}
