// SPDX-License-Identifier: MIT
#include "session_fixture.hpp"

using namespace echoload;

namespace {

// Four messages are in flight, the first of which is echoed; then the server sends something else.
struct FaultyServer : SessionTest {
    FaultyServer() {
        rules.continue_on_mismatch = true;
        session.queue(5, true);
        send();
        EXPECT_FALSE(verify(message(0)));
    }

    Bytes echoes(std::initializer_list<std::uint64_t> sequences) const {
        Bytes bytes;
        for (const std::uint64_t sequence : sequences) {
            append(bytes, message(sequence));
        }
        return bytes;
    }

    Bytes foreign(std::uint64_t connection, std::uint64_t sequence) const {
        const Message m = generator.message(generator.stream(connection), sequence);
        Bytes bytes(m.length());
        write_message(m, bytes.data());
        return bytes;
    }

    // The one wrong echo in `bytes`, whether they come at once or byte by byte.
    Mismatch only(const Bytes& bytes) {
        found.clear();
        state = session.verify(rules, bytes, time(), tally, found);
        if (state == VerifyState::undecided) {
            state = session.settle(rules, time(), tally, found);
        }
        EXPECT_EQ(found.size(), 1U);
        EXPECT_EQ(tally.mismatches, 1U);
        return found.empty() ? Mismatch{} : found.front();
    }

    void expect_all_counted() {
        session.end(Ending::run_over, now, 1s, tally);
        const MessageCounts& counts = tally.messages;
        EXPECT_EQ(counts.verified + counts.wrong + counts.timed_out + counts.lost +
                      counts.in_flight,
                  counts.sent);
    }

    VerifyState state = VerifyState::ok;
};

// One more within a test.
struct AnotherFaultyServer : FaultyServer {
    void TestBody() override {}
};

} // namespace

TEST_F(FaultyServer, ACorruptEchoOfTheRightLengthIsPassedAndTheRestIsVerified) {
    Bytes bytes = echoes({1, 2, 3, 4});
    bytes[message(1).size() / 2] ^= std::byte{4};
    const Mismatch wrong = only(bytes);
    EXPECT_EQ(wrong.kind, MismatchKind::corrupt);
    EXPECT_EQ(wrong.sequence, 1U);
    EXPECT_EQ(wrong.offset, message(1).size() / 2);
    EXPECT_FALSE(wrong.came);
    EXPECT_EQ(state, VerifyState::ok);
    EXPECT_EQ(tally.messages.wrong, 1U);
    EXPECT_EQ(tally.messages.verified, 4U);
    expect_all_counted();
}

TEST_F(FaultyServer, AnEchoThatStopsShortIsTruncatedAndTheMessageBehindItIsVerified) {
    for (std::size_t cut : {std::size_t{1}, std::size_t{7}, message(1).size() - 1}) {
        Bytes bytes = message(1);
        bytes.resize(cut);
        append(bytes, echoes({2, 3, 4}));
        AnotherFaultyServer other;
        const Mismatch wrong = other.only(bytes);
        EXPECT_EQ(wrong.kind, MismatchKind::truncated) << cut;
        EXPECT_EQ(wrong.sequence, 1U);
        EXPECT_EQ(wrong.offset, cut);
        EXPECT_EQ(wrong.came->sequence, 2U);
        EXPECT_EQ(other.state, VerifyState::ok);
        EXPECT_EQ(other.tally.messages.wrong, 1U);
        EXPECT_EQ(other.tally.messages.verified, 4U);
        other.expect_all_counted();
    }
}

TEST_F(FaultyServer, AMessageThatIsLeftOutIsTruncatedToNothing) {
    const Mismatch wrong = only(echoes({2, 3, 4}));
    EXPECT_EQ(wrong.kind, MismatchKind::truncated);
    EXPECT_EQ(wrong.offset, 0U);
    EXPECT_EQ(wrong.sequence, 1U);
    EXPECT_EQ(wrong.came->sequence, 2U);
    EXPECT_NE(describe(wrong).find("0 bytes of it came, then message 2 of this connection"),
              std::string::npos);
    EXPECT_EQ(tally.messages.wrong, 1U);
    EXPECT_EQ(tally.messages.verified, 4U);
    expect_all_counted();
}

TEST_F(FaultyServer, TheEndOfTheStreamInAnEchoIsTruncated) {
    Bytes half = message(1);
    half.resize(half.size() / 2);
    EXPECT_FALSE(verify(half));
    session.end_of_file(rules, time(), tally, found);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].kind, MismatchKind::truncated);
    EXPECT_EQ(found[0].offset, half.size());
    EXPECT_NE(describe(found[0]).find("then the server closed the connection"), std::string::npos);
    EXPECT_EQ(tally.messages.wrong, 1U);
    expect_all_counted();
}

TEST_F(FaultyServer, TheEndOfTheStreamBetweenEchoesIsNoWrongEcho) {
    session.end_of_file(rules, time(), tally, found);
    EXPECT_EQ(tally.mismatches, 0U);
    expect_all_counted();
}

TEST_F(FaultyServer, AMessageThatComesAgainIsADuplicate) {
    const Mismatch wrong = only(echoes({1, 2, 1, 3, 4}));
    EXPECT_EQ(wrong.kind, MismatchKind::duplicate);
    EXPECT_EQ(wrong.sequence, 3U);
    EXPECT_EQ(wrong.came->sequence, 1U);
    EXPECT_EQ(tally.messages.verified, 5U);
    EXPECT_EQ(tally.messages.wrong, 0U);
    expect_all_counted();
}

TEST_F(FaultyServer, ADuplicateIsNamedAlsoWhereNoEchoIsExpected) {
    const Mismatch wrong = only(echoes({1, 2, 3, 4, 4}));
    EXPECT_EQ(wrong.kind, MismatchKind::duplicate);
    EXPECT_EQ(wrong.came->sequence, 4U);
    EXPECT_EQ(wrong.length, 0U);
    EXPECT_EQ(tally.messages.verified, 5U);
}

TEST_F(FaultyServer, TwoMessagesInTheWrongOrderAreReorderedOnce) {
    const Mismatch wrong = only(echoes({2, 1, 3, 4}));
    EXPECT_EQ(wrong.kind, MismatchKind::reordered);
    EXPECT_EQ(wrong.sequence, 1U);
    EXPECT_EQ(wrong.came->sequence, 2U);
    EXPECT_EQ(tally.messages.wrong, 1U) << "the one that came before its turn";
    EXPECT_EQ(tally.messages.verified, 4U) << "the one that was overtaken is among them";
    EXPECT_EQ(tally.service.count(), 4U);
    expect_all_counted();
}

TEST_F(FaultyServer, AMessageThatSeemedLeftOutAndComesLateIsReordered) {
    found.clear();
    EXPECT_EQ(session.verify(rules, echoes({2, 3, 1, 4}), time(), tally, found), VerifyState::ok);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].kind, MismatchKind::truncated);
    EXPECT_EQ(found[1].kind, MismatchKind::reordered);
    EXPECT_EQ(found[1].came->sequence, 1U);
    EXPECT_EQ(tally.messages.wrong, 1U);
    EXPECT_EQ(tally.messages.verified, 4U);
    expect_all_counted();
}

TEST_F(FaultyServer, BytesOfAnotherConnectionAreForeignAndNameIt) {
    rules.neighbours = [this](std::uint32_t index) -> std::optional<Neighbour> {
        if (index == 3) {
            return std::nullopt;
        }
        return Neighbour{index + 6U, generator.stream(index + 6U), 10, 20};
    };
    // In place of the whole message, from the middle on with a new message, and at the same place.
    const Bytes other = foreign(8, 15);
    Bytes cut = message(1);
    cut.resize(50);
    append(cut, other);
    Bytes overlaid = message(1);
    std::copy(other.begin() + 40, other.begin() + 60, overlaid.begin() + 40);
    ASSERT_GT(other.size(), 60U);
    ASSERT_GT(overlaid.size(), 60U);
    const struct {
        const Bytes& bytes;
        std::size_t offset;
        std::size_t came_offset;
    } cases[] = {{other, 0, 0}, {cut, 50, 0}, {overlaid, 40, 40}};
    for (const auto& each : cases) {
        AnotherFaultyServer faulty;
        faulty.rules.neighbours = rules.neighbours;
        const Mismatch wrong = faulty.only(each.bytes);
        EXPECT_EQ(wrong.kind, MismatchKind::foreign) << each.offset;
        EXPECT_EQ(wrong.offset, each.offset);
        ASSERT_TRUE(wrong.came);
        EXPECT_EQ(wrong.came->connection, 8U);
        EXPECT_EQ(wrong.came->sequence, 15U);
        EXPECT_EQ(wrong.came->offset, each.came_offset);
        EXPECT_EQ(faulty.state, VerifyState::failed);
        EXPECT_EQ(faulty.tally.messages.wrong, 1U);
        faulty.expect_all_counted();
    }
}

TEST_F(FaultyServer, BytesBeforeAnEchoAreExtraAndTheEchoBehindThemIsVerified) {
    Bytes bytes{std::byte{'!'}, std::byte{'?'}};
    append(bytes, echoes({1, 2, 3, 4}));
    const Mismatch wrong = only(bytes);
    EXPECT_EQ(wrong.kind, MismatchKind::extra);
    EXPECT_EQ(wrong.sequence, 1U);
    EXPECT_EQ(tally.messages.verified, 5U);
    expect_all_counted();
}

TEST_F(FaultyServer, BytesOfNoMessageFailTheConnection) {
    Bytes bytes = echoes({1, 2, 3, 4});
    bytes.erase(bytes.begin() + 20, bytes.begin() + 23); // and what follows is out of step
    const Mismatch wrong = only(bytes);
    EXPECT_EQ(wrong.kind, MismatchKind::corrupt);
    EXPECT_EQ(wrong.offset, 20U);
    EXPECT_EQ(state, VerifyState::failed);
    expect_all_counted();
}

TEST_F(FaultyServer, TheKindDoesNotDependOnHowTheBytesWereSplit) {
    Bytes short_one = message(1);
    short_one.resize(20);
    append(short_one, echoes({2, 3, 4}));
    Bytes corrupt = echoes({1, 2, 3, 4});
    corrupt[2] ^= std::byte{1};
    Bytes extra{std::byte{0}};
    append(extra, echoes({1, 2, 3, 4}));
    const std::pair<Bytes, MismatchKind> cases[] = {
        {short_one, MismatchKind::truncated},
        {echoes({2, 3, 4}), MismatchKind::truncated},
        {echoes({2, 1, 3, 4}), MismatchKind::reordered},
        {echoes({1, 1, 2}), MismatchKind::duplicate},
        {corrupt, MismatchKind::corrupt},
        {extra, MismatchKind::extra},
    };
    for (const auto& [bytes, kind] : cases) {
        AnotherFaultyServer faulty;
        faulty.found.clear();
        for (const std::byte& byte : bytes) {
            ASSERT_NE(faulty.session.verify(rules, {&byte, 1}, time(), faulty.tally, faulty.found),
                      VerifyState::failed);
        }
        (void)faulty.session.settle(rules, time(), faulty.tally, faulty.found);
        ASSERT_EQ(faulty.found.size(), 1U) << echod::enum_name(kind);
        EXPECT_EQ(faulty.found[0].kind, kind) << echod::enum_name(faulty.found[0].kind);
        faulty.expect_all_counted();
    }
}

TEST_F(FaultyServer, AnUndecidedSessionSendsNothingUntilItIsSettled) {
    session.queue(1, true);
    found.clear();
    const Bytes bytes = message(2);
    EXPECT_EQ(session.verify(rules, bytes, time(), tally, found), VerifyState::undecided);
    EXPECT_FALSE(session.wants_to_send());
    EXPECT_EQ(session.settle(rules, time(), tally, found), VerifyState::ok);
    EXPECT_TRUE(session.wants_to_send());
    expect_all_counted();
}

TEST_F(FaultyServer, OneWrongEchoIsRememberedToTheEnd) {
    EXPECT_TRUE(session.all_right());
    Bytes bytes = echoes({1, 2});
    bytes[0] ^= std::byte{1};
    (void)only(bytes);
    EXPECT_FALSE(verify(echoes({3, 4})));
    EXPECT_FALSE(session.all_right());
}

TEST_F(FaultyServer, ASecondUndecidedEchoHasATimeOfItsOwn) {
    const TimePoint began = now;
    EXPECT_FALSE(session.undecided_since());
    EXPECT_EQ(session.verify(rules, message(2), time(), tally, found), VerifyState::undecided);
    EXPECT_EQ(session.undecided_since(), began);
    now += 7ms;
    EXPECT_EQ(session.verify(rules, message(4), time(), tally, found), VerifyState::undecided);
    EXPECT_EQ(tally.mismatches, 1U) << "1 was left out, and 3 may come yet";
    EXPECT_EQ(session.undecided_since(), began + 7ms);
    EXPECT_EQ(session.settle(rules, time(), tally, found), VerifyState::ok);
    EXPECT_FALSE(session.undecided_since());
    expect_all_counted();
}

TEST_F(FaultyServer, AnUndecidedSessionHasTheDeadlineOfItsOldestMessage) {
    found.clear();
    EXPECT_EQ(session.verify(rules, message(2), time(), tally, found), VerifyState::undecided);
    EXPECT_EQ(session.deadline(1s), now + 1s);
}

TEST_F(FaultyServer, WithoutContinuingTheFirstWrongEchoFailsTheSession) {
    rules.continue_on_mismatch = false;
    Bytes bytes = echoes({1, 2, 3, 4});
    bytes[10] ^= std::byte{4};
    bytes[bytes.size() - 1] ^= std::byte{4};
    (void)only(bytes);
    EXPECT_EQ(state, VerifyState::failed);
    expect_all_counted();
}

TEST_F(FaultyServer, WithVerifyHeaderThePayloadIsNotCompared) {
    rules.level = VerifyLevel::header;
    Bytes bytes = echoes({1, 2, 3, 4});
    ASSERT_GT(message(1).size(), 9U);
    bytes[8] ^= std::byte{4};
    found.clear();
    EXPECT_EQ(session.verify(rules, bytes, time(), tally, found), VerifyState::ok);
    EXPECT_EQ(tally.messages.verified, 5U);
    session.queue(2, true);
    send();
    bytes = message(5);
    bytes[7] ^= std::byte{1};
    EXPECT_EQ(only(bytes).kind, MismatchKind::corrupt);
}

TEST_F(FaultyServer, WithVerifyOffTheLengthIsVerified) {
    rules.level = VerifyLevel::off;
    Bytes bytes = echoes({1, 2, 3, 4});
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    found.clear();
    EXPECT_EQ(session.verify(rules, bytes, time(), tally, found), VerifyState::ok);
    EXPECT_EQ(tally.messages.verified, 5U);
    EXPECT_EQ(only(Bytes(1)).kind, MismatchKind::extra);
}

namespace {

// The verifier alone, without a session: three messages are sent.
struct EchoVerifierTest : testing::Test {
    EchoVerifierTest() {
        messages.connection = 7;
        messages.stream = generator.stream(7);
        messages.measured_from = 0;
        for (; messages.sent != 3; ++messages.sent) {
            messages.send_times.extend(messages.expected, messages.sent);
            messages.send_times[messages.sent] = TimePoint(1000s);
        }
        messages.queued = messages.sent;
    }

    Bytes message(std::uint64_t sequence) const {
        const Message message = generator.message(messages.stream, sequence);
        Bytes bytes(message.length());
        write_message(message, bytes.data());
        return bytes;
    }

    VerifyState verify(std::span<const std::byte> bytes) {
        return verifier.verify(messages, rules, bytes, time, tally, found);
    }

    const Generator generator{42, SizeLaw::parse("fixed:56")};
    VerifyRules rules{generator, VerifyLevel::full, true, nullptr};
    const ReceiveTime time{TimePoint(1001s), true};
    MessageStream messages;
    EchoVerifier verifier;
    Tally tally;
    std::vector<Mismatch> found;
};

} // namespace

TEST_F(EchoVerifierTest, EchoesAreCountedHoweverTheyAreSplit) {
    Bytes bytes = message(0);
    append(bytes, message(1));
    for (const std::byte& byte : bytes) {
        EXPECT_EQ(verify({&byte, 1}), VerifyState::ok);
    }
    EXPECT_EQ(messages.expected, 2U);
    EXPECT_EQ(tally.messages.verified, 2U);
    EXPECT_EQ(tally.messages.in_window, 2U);
    EXPECT_EQ(tally.service.max(), Duration(1s));
    EXPECT_TRUE(verifier.all_right());
}

TEST_F(EchoVerifierTest, AWrongByteIsUndecidedUntilItIsSettled) {
    Bytes bytes = message(0);
    bytes[20] ^= std::byte{1};
    bytes.resize(30);
    EXPECT_EQ(verify(bytes), VerifyState::undecided);
    EXPECT_EQ(verifier.undecided_since(), time.now);
    EXPECT_EQ(tally.mismatches, 0U);
    EXPECT_EQ(verifier.settle(messages, rules, time, tally, found), VerifyState::failed);
    EXPECT_FALSE(verifier.is_undecided());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].kind, MismatchKind::corrupt);
    EXPECT_EQ(found[0].offset, 20U);
}

TEST_F(EchoVerifierTest, AMessageThatNeverComesAfterALaterOneIsLost) {
    Bytes bytes = message(1);
    append(bytes, message(0));
    bytes.resize(bytes.size() - 1); // only a part of the message that comes late
    EXPECT_EQ(verify(bytes), VerifyState::undecided);
    EXPECT_EQ(messages.expected, 2U);
    verifier.end(tally);
    EXPECT_EQ(tally.messages.lost, 1U);
    EXPECT_FALSE(verifier.is_undecided());
}
