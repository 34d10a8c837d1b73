// SPDX-License-Identifier: MIT
#include "client/session.hpp"

#include <algorithm>
#include <utility>

// Echoes that are right go through check() and leave nothing behind. At the first wrong byte the
// session becomes suspect: from there on all that comes is kept as evidence, until classify() can
// tell what it is. Then the stream is either given up or followed again from where that says, with
// what is left of the evidence.

namespace echoload {

namespace {

using Bytes = std::span<const std::byte>;

// Messages passed over that are remembered in case they come late.
constexpr std::size_t kPassedOverKept = 1024;

bool is_right(VerifyLevel level, const Message& message, std::size_t from, Bytes echo) noexcept {
    if (level == VerifyLevel::full) [[likely]] {
        return matches(message, from, echo);
    }
    if (level == VerifyLevel::off || from >= echod::kHeaderSize) {
        return true;
    }
    return matches(message, from, echo.first(std::min(echo.size(), echod::kHeaderSize - from)));
}

} // namespace

[[gnu::always_inline]] inline void Session::complete(std::uint64_t sequence, Times times,
                                                     std::size_t length, ReceiveTime received,
                                                     Tally& tally) const noexcept {
    ++tally.messages.verified;
    if (sequence >= measured_from_) {
        ++tally.messages.measured;
        tally.service.record(received.now - times.sent);
        if (due_times_) {
            tally.response.record(received.now - times.due);
        }
    }
    if (received.in_window) { // whenever it was sent: so many were in flight before as are after
        ++tally.messages.in_window;
        tally.bytes.in_window += length;
    }
}

// Runs once for each receive call, so it is part of its callers.
//
// Verifies bytes up to the first wrong one; returns what is left from the call's own part of that
// echo on, or nothing where all is right.
[[gnu::always_inline]] inline Bytes Session::check(const Verifier& verifier, Bytes bytes,
                                                   ReceiveTime time, Tally& tally) noexcept {
    while (!bytes.empty() && in_flight() != 0) {
        const Message message = verifier.generator.message(stream_, expected_);
        const std::size_t owed = expected_ == sent_ ? send_offset_ : message.length();
        const std::size_t part = std::min<std::size_t>(bytes.size(), owed - receive_offset_);
        // All of what was sent so far of a message that is being sent may be back.
        if (part == 0 || !is_right(verifier.level, message, receive_offset_, bytes.first(part))) {
            return bytes;
        }
        receive_offset_ = static_cast<std::uint16_t>(receive_offset_ + part);
        bytes = bytes.subspan(part);
        if (receive_offset_ == message.length()) {
            complete(expected_, times_of(expected_), message.length(), time, tally);
            ++expected_;
            receive_offset_ = 0;
        }
    }
    return bytes;
}

Health Session::verify(const Verifier& verifier, Bytes bytes, ReceiveTime time, Tally& tally,
                       std::vector<Mismatch>& found) {
    tally.bytes.received += bytes.size();
    if (!is_suspect()) {
        const Bytes rest = check(verifier, bytes, time, tally);
        if (rest.empty()) {
            return Health::sound;
        }
        suspect(verifier.generator, rest, time.now);
    } else {
        trouble_->evidence.insert(trouble_->evidence.end(), bytes.begin(), bytes.end());
    }
    return resolve(verifier, false, time, tally, found);
}

Health Session::settle(const Verifier& verifier, ReceiveTime time, Tally& tally,
                       std::vector<Mismatch>& found) {
    return is_suspect() ? resolve(verifier, true, time, tally, found) : Health::sound;
}

void Session::end_of_file(const Verifier& verifier, ReceiveTime time, Tally& tally,
                          std::vector<Mismatch>& found) {
    const Health health = settle(verifier, time, tally, found);
    // What is not wholly sent may rightly be left in the middle.
    if (health == Health::sound && receive_offset_ != 0 && expected_ != sent_) {
        suspect(verifier.generator, {}, time.now);
        Finding finding;
        finding.kind = MismatchKind::truncated;
        finding.offset = receive_offset_;
        tally.count(finding.kind);
        if (found.size() < kMismatchesDescribed) {
            found.push_back(describe(verifier.generator, finding));
        }
        apply(finding, tally);
    }
}

// `bytes` follow what was verified of expected_'s echo, which is known to be as it was sent.
void Session::suspect(const Generator& generator, Bytes bytes, TimePoint now) {
    state_ = State::suspect;
    if (!trouble_) {
        trouble_ = std::make_unique<Trouble>();
    }
    trouble_->since = now;
    std::vector<std::byte>& evidence = trouble_->evidence;
    evidence.resize(receive_offset_);
    write_part(generator.message(stream_, expected_), 0, evidence);
    evidence.insert(evidence.end(), bytes.begin(), bytes.end());
}

StreamState Session::stream_state(const Generator& generator) const noexcept {
    std::size_t owed = 0;
    if (in_flight() != 0) {
        owed = expected_ == sent_ ? send_offset_ : generator.message(stream_, expected_).length();
    }
    return {connection_, stream_, expected_, begun(), owed};
}

Health Session::resolve(const Verifier& verifier, bool final, ReceiveTime time, Tally& tally,
                        std::vector<Mismatch>& found) {
    const Generator& generator = verifier.generator;
    for (;;) {
        std::vector<std::byte>& evidence = trouble_->evidence;
        std::optional<Finding> finding =
            classify(generator, verifier.level, stream_state(generator), evidence, final,
                     verifier.neighbours);
        if (!finding) {
            return Health::suspect;
        }
        if (!came_late(generator, *finding, time, tally)) {
            tally.count(finding->kind);
            if (found.size() < kMismatchesDescribed) {
                found.push_back(describe(generator, *finding));
            }
        }
        apply(*finding, tally);
        const std::vector<std::byte> kept = std::exchange(evidence, {});
        if (!verifier.goes_on || !finding->resumes) {
            return Health::broken;
        }
        const Bytes rest = check(verifier, Bytes(kept).subspan(finding->skip), time, tally);
        if (rest.empty()) {
            return Health::sound;
        }
        suspect(generator, rest, time.now);
    }
}

// Whether the finding is a message that was passed over and whose lateness was told already; then
// it is echoed. One that was taken for left out is out of order after all.
bool Session::came_late(const Generator& generator, Finding& finding, ReceiveTime time,
                        Tally& tally) {
    if (finding.kind != MismatchKind::duplicate) {
        return false;
    }
    std::vector<PassedOver>& list = trouble_->passed_over;
    const std::uint64_t sequence = finding.came->sequence;
    const auto place = std::find_if(list.begin(), list.end(), [=](const PassedOver& message) {
        return message.sequence == sequence;
    });
    if (place == list.end()) {
        return false;
    }
    const PassedOver late = *place;
    if (!finding.resumes) { // not all of it came: it is lost when the session ends
        finding.kind = MismatchKind::reordered;
        return false;
    }
    list.erase(place);
    if (late.counted) {
        finding.kind = MismatchKind::reordered;
        return false;
    }
    complete(sequence, late.times, generator.message(stream_, sequence).length(), time, tally);
    return true;
}

// Goes on to expect `until`; the messages before it have not come in their turn.
void Session::pass_over(std::uint64_t until, bool counted, Tally& tally) {
    std::vector<PassedOver>& list = trouble_->passed_over;
    for (; expected_ != until; ++expected_) {
        tally.messages.wrong += counted ? 1U : 0U;
        if (list.size() == kPassedOverKept) {
            tally.messages.lost += list.front().counted ? 0U : 1U;
            list.erase(list.begin());
        }
        list.push_back({expected_, times_of(expected_), counted});
    }
}

// Counts the messages that the finding is about, each once, and moves on behind it.
void Session::apply(const Finding& finding, Tally& tally) {
    switch (finding.kind) {
    case MismatchKind::corrupt:
    case MismatchKind::foreign:
        if (in_flight() != 0) {
            ++tally.messages.wrong;
            ++expected_;
        }
        break;
    case MismatchKind::truncated:
        pass_over(finding.resumes ? finding.resume : expected_ + 1, true, tally);
        break;
    case MismatchKind::reordered:
        if (finding.came->sequence >= expected_) {
            pass_over(finding.came->sequence, false, tally);
            ++tally.messages.wrong; // the one that came before its turn
            ++expected_;
        }
        break;
    case MismatchKind::duplicate:
    case MismatchKind::extra:
        break; // no message of ours is answered by it
    }
    receive_offset_ = 0;
    state_ = State::up;
}

Mismatch Session::describe(const Generator& generator, const Finding& finding) const {
    const StreamState state = stream_state(generator);
    const Message message = generator.message(stream_, expected_);
    const Bytes evidence(trouble_->evidence);
    Mismatch wrong;
    wrong.kind = finding.kind;
    wrong.connection = connection_;
    wrong.local = echod::local_endpoint(fd_.get()).to_string();
    wrong.peer = echod::peer_endpoint(fd_.get()).to_string();
    wrong.sequence = expected_;
    wrong.length = state.owed == 0 ? 0 : message.length();
    wrong.offset = finding.offset;
    wrong.came = finding.came;
    wrong.window = wrong.offset < kExcerptLead ? 0 : (wrong.offset - kExcerptLead) / 16 * 16;
    const Bytes shown =
        evidence.subspan(wrong.window, std::min(evidence.size() - wrong.window, kExcerptSize));
    wrong.received.assign(shown.begin(), shown.end());
    if (state.owed > wrong.window) {
        wrong.expected.resize(std::min(state.owed - wrong.window, kExcerptSize));
        write_part(message, wrong.window, wrong.expected);
    }
    return wrong;
}

} // namespace echoload
