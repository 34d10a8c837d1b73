// SPDX-License-Identifier: MIT
#include "session_fixture.hpp"

using namespace echoload;

namespace {

// Four messages are in flight, the first of which is echoed; then the server says something else.
struct Liar : SessionTest {
    Liar() {
        verifier.goes_on = true;
        session.queue(5, true);
        send();
        EXPECT_FALSE(verify(message(0)));
    }

    Bytes said(std::initializer_list<std::uint64_t> sequences) const {
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
        health = session.verify(verifier, bytes, time(), tally, found);
        if (health == Health::suspect) {
            health = session.settle(verifier, time(), tally, found);
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

    Health health = Health::sound;
};

// One more within a test.
struct AnotherLiar : Liar {
    void TestBody() override {}
};

} // namespace

TEST_F(Liar, ACorruptEchoOfTheRightLengthIsPassedAndTheRestIsVerified) {
    Bytes bytes = said({1, 2, 3, 4});
    bytes[message(1).size() / 2] ^= std::byte{4};
    const Mismatch wrong = only(bytes);
    EXPECT_EQ(wrong.kind, MismatchKind::corrupt);
    EXPECT_EQ(wrong.sequence, 1U);
    EXPECT_EQ(wrong.offset, message(1).size() / 2);
    EXPECT_FALSE(wrong.came);
    EXPECT_EQ(health, Health::sound);
    EXPECT_EQ(tally.messages.wrong, 1U);
    EXPECT_EQ(tally.messages.verified, 4U);
    expect_all_counted();
}

TEST_F(Liar, AnEchoThatStopsShortIsTruncatedAndTheMessageBehindItIsVerified) {
    for (std::size_t cut : {std::size_t{1}, std::size_t{7}, message(1).size() - 1}) {
        Bytes bytes = message(1);
        bytes.resize(cut);
        append(bytes, said({2, 3, 4}));
        AnotherLiar other;
        const Mismatch wrong = other.only(bytes);
        EXPECT_EQ(wrong.kind, MismatchKind::truncated) << cut;
        EXPECT_EQ(wrong.sequence, 1U);
        EXPECT_EQ(wrong.offset, cut);
        EXPECT_EQ(wrong.came->sequence, 2U);
        EXPECT_EQ(other.health, Health::sound);
        EXPECT_EQ(other.tally.messages.wrong, 1U);
        EXPECT_EQ(other.tally.messages.verified, 4U);
        other.expect_all_counted();
    }
}

TEST_F(Liar, AMessageThatIsLeftOutIsTruncatedToNothing) {
    const Mismatch wrong = only(said({2, 3, 4}));
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

TEST_F(Liar, TheEndOfTheStreamInAnEchoIsTruncated) {
    Bytes half = message(1);
    half.resize(half.size() / 2);
    EXPECT_FALSE(verify(half));
    session.end_of_file(verifier, time(), tally, found);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].kind, MismatchKind::truncated);
    EXPECT_EQ(found[0].offset, half.size());
    EXPECT_NE(describe(found[0]).find("then the server closed the connection"), std::string::npos);
    EXPECT_EQ(tally.messages.wrong, 1U);
    expect_all_counted();
}

TEST_F(Liar, TheEndOfTheStreamBetweenEchoesIsNoWrongEcho) {
    session.end_of_file(verifier, time(), tally, found);
    EXPECT_EQ(tally.mismatches, 0U);
    expect_all_counted();
}

TEST_F(Liar, AMessageThatComesAgainIsADuplicate) {
    const Mismatch wrong = only(said({1, 2, 1, 3, 4}));
    EXPECT_EQ(wrong.kind, MismatchKind::duplicate);
    EXPECT_EQ(wrong.sequence, 3U);
    EXPECT_EQ(wrong.came->sequence, 1U);
    EXPECT_EQ(tally.messages.verified, 5U);
    EXPECT_EQ(tally.messages.wrong, 0U);
    expect_all_counted();
}

TEST_F(Liar, ADuplicateIsNamedAlsoWhereNothingIsOwed) {
    const Mismatch wrong = only(said({1, 2, 3, 4, 4}));
    EXPECT_EQ(wrong.kind, MismatchKind::duplicate);
    EXPECT_EQ(wrong.came->sequence, 4U);
    EXPECT_EQ(wrong.length, 0U);
    EXPECT_EQ(tally.messages.verified, 5U);
}

TEST_F(Liar, TwoThatChangePlacesAreReorderedOnce) {
    const Mismatch wrong = only(said({2, 1, 3, 4}));
    EXPECT_EQ(wrong.kind, MismatchKind::reordered);
    EXPECT_EQ(wrong.sequence, 1U);
    EXPECT_EQ(wrong.came->sequence, 2U);
    EXPECT_EQ(tally.messages.wrong, 1U) << "the one that came before its turn";
    EXPECT_EQ(tally.messages.verified, 4U) << "the one that was overtaken is among them";
    EXPECT_EQ(tally.service.count(), 4U);
    expect_all_counted();
}

TEST_F(Liar, AMessageThatWasTakenForLeftOutAndComesLateIsReordered) {
    found.clear();
    EXPECT_EQ(session.verify(verifier, said({2, 3, 1, 4}), time(), tally, found), Health::sound);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].kind, MismatchKind::truncated);
    EXPECT_EQ(found[1].kind, MismatchKind::reordered);
    EXPECT_EQ(found[1].came->sequence, 1U);
    EXPECT_EQ(tally.messages.wrong, 1U);
    EXPECT_EQ(tally.messages.verified, 4U);
    expect_all_counted();
}

TEST_F(Liar, BytesOfAnotherConnectionAreForeignAndNameIt) {
    verifier.neighbours = [this](std::uint32_t index) -> std::optional<Neighbour> {
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
        AnotherLiar liar;
        liar.verifier.neighbours = verifier.neighbours;
        const Mismatch wrong = liar.only(each.bytes);
        EXPECT_EQ(wrong.kind, MismatchKind::foreign) << each.offset;
        EXPECT_EQ(wrong.offset, each.offset);
        ASSERT_TRUE(wrong.came);
        EXPECT_EQ(wrong.came->connection, 8U);
        EXPECT_EQ(wrong.came->sequence, 15U);
        EXPECT_EQ(wrong.came->offset, each.came_offset);
        EXPECT_EQ(liar.health, Health::broken);
        EXPECT_EQ(liar.tally.messages.wrong, 1U);
        liar.expect_all_counted();
    }
}

TEST_F(Liar, BytesBeforeAnEchoAreExtraAndTheEchoBehindThemIsVerified) {
    Bytes bytes{std::byte{'!'}, std::byte{'?'}};
    append(bytes, said({1, 2, 3, 4}));
    const Mismatch wrong = only(bytes);
    EXPECT_EQ(wrong.kind, MismatchKind::extra);
    EXPECT_EQ(wrong.sequence, 1U);
    EXPECT_EQ(tally.messages.verified, 5U);
    expect_all_counted();
}

TEST_F(Liar, BytesThatMakeNoSenseBreakTheConnection) {
    Bytes bytes = said({1, 2, 3, 4});
    bytes.erase(bytes.begin() + 20, bytes.begin() + 23); // and what follows is out of step
    const Mismatch wrong = only(bytes);
    EXPECT_EQ(wrong.kind, MismatchKind::corrupt);
    EXPECT_EQ(wrong.offset, 20U);
    EXPECT_EQ(health, Health::broken);
    expect_all_counted();
}

TEST_F(Liar, TheKindDoesNotDependOnHowTheBytesWereSplit) {
    Bytes short_one = message(1);
    short_one.resize(20);
    append(short_one, said({2, 3, 4}));
    Bytes corrupt = said({1, 2, 3, 4});
    corrupt[2] ^= std::byte{1};
    Bytes extra{std::byte{0}};
    append(extra, said({1, 2, 3, 4}));
    const std::pair<Bytes, MismatchKind> cases[] = {
        {short_one, MismatchKind::truncated},
        {said({2, 3, 4}), MismatchKind::truncated},
        {said({2, 1, 3, 4}), MismatchKind::reordered},
        {said({1, 1, 2}), MismatchKind::duplicate},
        {corrupt, MismatchKind::corrupt},
        {extra, MismatchKind::extra},
    };
    for (const auto& [bytes, kind] : cases) {
        AnotherLiar liar;
        liar.found.clear();
        for (const std::byte& byte : bytes) {
            ASSERT_NE(liar.session.verify(verifier, {&byte, 1}, time(), liar.tally, liar.found),
                      Health::broken);
        }
        (void)liar.session.settle(verifier, time(), liar.tally, liar.found);
        ASSERT_EQ(liar.found.size(), 1U) << to_string(kind);
        EXPECT_EQ(liar.found[0].kind, kind) << to_string(liar.found[0].kind);
        liar.expect_all_counted();
    }
}

TEST_F(Liar, ASuspectSessionSendsNothingUntilItIsSettled) {
    session.queue(1, true);
    found.clear();
    const Bytes bytes = message(2);
    EXPECT_EQ(session.verify(verifier, bytes, time(), tally, found), Health::suspect);
    EXPECT_FALSE(session.wants_to_send());
    EXPECT_EQ(session.settle(verifier, time(), tally, found), Health::sound);
    EXPECT_TRUE(session.wants_to_send());
    expect_all_counted();
}

TEST_F(Liar, OneWrongEchoIsRememberedToTheEnd) {
    EXPECT_TRUE(session.all_right());
    Bytes bytes = said({1, 2});
    bytes[0] ^= std::byte{1};
    (void)only(bytes);
    EXPECT_FALSE(verify(said({3, 4})));
    EXPECT_FALSE(session.all_right());
}

TEST_F(Liar, OneSuspicionThatGivesWayToAnotherIsToldApartFromIt) {
    const TimePoint began = now;
    EXPECT_FALSE(session.suspect_since());
    EXPECT_EQ(session.verify(verifier, message(2), time(), tally, found), Health::suspect);
    EXPECT_EQ(session.suspect_since(), began);
    now += 7ms;
    EXPECT_EQ(session.verify(verifier, message(4), time(), tally, found), Health::suspect);
    EXPECT_EQ(tally.mismatches, 1U) << "1 was left out, and 3 may come yet";
    EXPECT_EQ(session.suspect_since(), began + 7ms);
    EXPECT_EQ(session.settle(verifier, time(), tally, found), Health::sound);
    EXPECT_FALSE(session.suspect_since());
    expect_all_counted();
}

TEST_F(Liar, ASuspectSessionHasTheDeadlineOfItsOldestMessage) {
    found.clear();
    EXPECT_EQ(session.verify(verifier, message(2), time(), tally, found), Health::suspect);
    EXPECT_EQ(session.deadline(1s), now + 1s);
}

TEST_F(Liar, ToStopIsToGiveTheSessionUpAtTheFirst) {
    verifier.goes_on = false;
    Bytes bytes = said({1, 2, 3, 4});
    bytes[10] ^= std::byte{4};
    bytes[bytes.size() - 1] ^= std::byte{4};
    (void)only(bytes);
    EXPECT_EQ(health, Health::broken);
    expect_all_counted();
}

TEST_F(Liar, WhereHeadersAloneAreVerifiedAPayloadMayBeAnything) {
    verifier.level = VerifyLevel::header;
    Bytes bytes = said({1, 2, 3, 4});
    ASSERT_GT(message(1).size(), 9U);
    bytes[8] ^= std::byte{4};
    found.clear();
    EXPECT_EQ(session.verify(verifier, bytes, time(), tally, found), Health::sound);
    EXPECT_EQ(tally.messages.verified, 5U);
    session.queue(2, true);
    send();
    bytes = message(5);
    bytes[7] ^= std::byte{1};
    EXPECT_EQ(only(bytes).kind, MismatchKind::corrupt);
}

TEST_F(Liar, WhereNothingIsVerifiedTheLengthIs) {
    verifier.level = VerifyLevel::off;
    Bytes bytes = said({1, 2, 3, 4});
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    found.clear();
    EXPECT_EQ(session.verify(verifier, bytes, time(), tally, found), Health::sound);
    EXPECT_EQ(tally.messages.verified, 5U);
    EXPECT_EQ(only(Bytes(1)).kind, MismatchKind::extra);
}
