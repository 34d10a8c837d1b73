// SPDX-License-Identifier: MIT
#include "client/load/echo_verifier.hpp"

#include <algorithm>
#include <utility>

namespace echoload {

namespace {

using Bytes = std::span<const std::byte>;

// Messages passed over that are remembered in case they come late.
constexpr std::size_t kPassedOverMax = 1024;

bool is_right(VerifyLevel level, const Message& message, std::size_t from, Bytes echo) noexcept {
    if (level == VerifyLevel::full) [[likely]] {
        return matches(message, from, echo);
    }
    if (level == VerifyLevel::off || from >= echod::kHeaderSize) {
        return true;
    }
    return matches(message, from, echo.first(std::min(echo.size(), echod::kHeaderSize - from)));
}

// Counts the message `sequence`, whose echo is complete.
[[gnu::always_inline]] inline void complete(MessageStream& messages, std::uint64_t sequence,
                                            MessageStream::Times times, std::size_t length,
                                            ReceiveTime received, Tally& tally) noexcept {
    ++tally.messages.verified;
    if (sequence >= messages.measured_from) {
        ++tally.messages.measured;
        tally.service.record(received.now - times.sent);
        if (messages.due_times) {
            tally.record_response(times.due, received.now - times.due);
            if (!tally.stages.empty()) [[unlikely]] {
                ++tally.stages.of(times.due).verified;
            }
        }
        messages.note_latency(received.now - times.due);
    } else if (sequence >= messages.carried_from) { // or a stall across the beginning would be lost
        ++tally.messages.carried_over;
        tally.service.record(received.now - times.sent);
        messages.note_latency(received.now - times.sent);
    }
    // Whenever it was sent: as many messages are in flight before the window as after it.
    if (received.in_window) {
        ++tally.messages.in_window;
        tally.bytes.in_window += length;
    }
}

StreamState stream_state(const MessageStream& messages, const Generator& generator) noexcept {
    std::size_t expected_bytes = 0;
    if (messages.in_flight() != 0) {
        expected_bytes = messages.expected == messages.sent
                             ? messages.send_offset
                             : generator.message(messages.stream, messages.expected).length();
    }
    return {messages.connection, messages.stream, messages.expected, messages.begun(),
            expected_bytes};
}

} // namespace

struct EchoVerifier::Context {
    MessageStream& messages;
    const VerifyRules& rules;
    ReceiveTime time;
    Tally& tally;
    std::vector<Mismatch>& found;
};

// Runs once for each receive call, so it is part of its callers. Verifies bytes up to the first
// wrong one; returns the rest from this call's own part of that echo on, or nothing where all bytes
// are right.
[[gnu::always_inline]] inline Bytes EchoVerifier::check(MessageStream& messages,
                                                        const VerifyRules& rules, Bytes bytes,
                                                        ReceiveTime time, Tally& tally) noexcept {
    while (!bytes.empty() && messages.in_flight() != 0) {
        const Message message = rules.generator.message(messages.stream, messages.expected);
        // Of a message that is being sent, all that was sent so far may be back.
        const std::size_t sent =
            messages.expected == messages.sent ? messages.send_offset : message.length();
        const std::size_t part = std::min<std::size_t>(bytes.size(), sent - offset_);
        if (part == 0 || !is_right(rules.level, message, offset_, bytes.first(part))) {
            return bytes;
        }
        offset_ = static_cast<std::uint16_t>(offset_ + part);
        bytes = bytes.subspan(part);
        if (offset_ == message.length()) {
            complete(messages, messages.expected, messages.times_of(messages.expected),
                     message.length(), time, tally);
            ++messages.expected;
            offset_ = 0;
        }
    }
    return bytes;
}

VerifyState EchoVerifier::verify(MessageStream& messages, const VerifyRules& rules, Bytes bytes,
                                 ReceiveTime time, Tally& tally, std::vector<Mismatch>& found) {
    tally.bytes.received += bytes.size();
    if (!undecided_) {
        bytes = check(messages, rules, bytes, time, tally);
        if (bytes.empty()) [[likely]] {
            return VerifyState::ok;
        }
    }
    return compare_rest({messages, rules, time, tally, found}, bytes);
}

// `rest` begins with a wrong byte, or follows undecided bytes.
VerifyState EchoVerifier::compare_rest(const Context& context, Bytes rest) {
    if (!undecided_) {
        begin_undecided(context, rest);
    } else {
        mismatch_state_->undecided.insert(mismatch_state_->undecided.end(), rest.begin(),
                                          rest.end());
    }
    return resolve(context, false);
}

VerifyState EchoVerifier::settle(MessageStream& messages, const VerifyRules& rules,
                                 ReceiveTime time, Tally& tally, std::vector<Mismatch>& found) {
    return undecided_ ? resolve({messages, rules, time, tally, found}, true) : VerifyState::ok;
}

void EchoVerifier::end_of_file(MessageStream& messages, const VerifyRules& rules, ReceiveTime time,
                               Tally& tally, std::vector<Mismatch>& found) {
    const VerifyState state = settle(messages, rules, time, tally, found);
    // The server may stop in the middle of a message that is not wholly sent.
    if (state == VerifyState::ok && offset_ != 0 && messages.expected != messages.sent) {
        const Context context{messages, rules, time, tally, found};
        begin_undecided(context, {});
        Finding finding;
        finding.kind = MismatchKind::truncated;
        finding.offset = offset_;
        report(context, finding);
        apply(context, finding);
    }
}

void EchoVerifier::end(Tally& tally) noexcept {
    if (mismatch_state_) {
        for (const PassedOver& message : mismatch_state_->passed_over) {
            tally.messages.lost += message.counted ? 0U : 1U;
        }
        mismatch_state_.reset();
    }
    undecided_ = false;
    offset_ = 0;
}

// `bytes` follow the verified part of the expected echo, which is known to be as it was sent.
void EchoVerifier::begin_undecided(const Context& context, Bytes bytes) {
    undecided_ = true;
    if (!mismatch_state_) {
        mismatch_state_ = std::make_unique<MismatchState>();
    }
    mismatch_state_->since = context.time.now;
    const MessageStream& messages = context.messages;
    std::vector<std::byte>& undecided = mismatch_state_->undecided;
    undecided.resize(offset_);
    write_part(context.rules.generator.message(messages.stream, messages.expected), 0, undecided);
    undecided.insert(undecided.end(), bytes.begin(), bytes.end());
}

VerifyState EchoVerifier::resolve(const Context& context, bool final) {
    const VerifyRules& rules = context.rules;
    for (;;) {
        std::vector<std::byte>& undecided = mismatch_state_->undecided;
        std::optional<Finding> finding =
            classify(rules.generator, rules.level, stream_state(context.messages, rules.generator),
                     undecided, final, rules.neighbours);
        if (!finding) {
            return VerifyState::undecided;
        }
        if (!came_late(context, *finding)) {
            report(context, *finding);
        }
        apply(context, *finding);
        const std::vector<std::byte> classified = std::exchange(undecided, {});
        if (!rules.continue_on_mismatch || !finding->resumes) {
            return VerifyState::failed;
        }
        const Bytes rest = check(context.messages, rules, Bytes(classified).subspan(finding->skip),
                                 context.time, context.tally);
        if (rest.empty()) {
            return VerifyState::ok;
        }
        begin_undecided(context, rest);
    }
}

// Whether the finding is the echo of a message that was passed over and whose absence was counted
// already; then it is complete. A message that seemed to be left out is reordered after all.
bool EchoVerifier::came_late(const Context& context, Finding& finding) {
    if (finding.kind != MismatchKind::duplicate) {
        return false;
    }
    std::vector<PassedOver>& list = mismatch_state_->passed_over;
    const std::uint64_t sequence = finding.came->sequence;
    const auto place = std::find_if(list.begin(), list.end(), [=](const PassedOver& message) {
        return message.sequence == sequence;
    });
    if (place == list.end()) {
        return false;
    }
    const PassedOver late = *place;
    if (!finding.resumes) { // only a part of it came: it is lost when the session ends
        finding.kind = MismatchKind::reordered;
        return false;
    }
    list.erase(place);
    if (late.counted) {
        finding.kind = MismatchKind::reordered;
        return false;
    }
    MessageStream& messages = context.messages;
    complete(messages, sequence, late.times,
             context.rules.generator.message(messages.stream, sequence).length(), context.time,
             context.tally);
    return true;
}

// Moves on to expect `until`; the messages before it have not come in their turn.
void EchoVerifier::pass_over(const Context& context, std::uint64_t until, bool counted) {
    MessageStream& messages = context.messages;
    std::vector<PassedOver>& list = mismatch_state_->passed_over;
    for (; messages.expected != until; ++messages.expected) {
        context.tally.messages.wrong += counted ? 1U : 0U;
        if (list.size() == kPassedOverMax) {
            context.tally.messages.lost += list.front().counted ? 0U : 1U;
            list.erase(list.begin());
        }
        list.push_back({messages.expected, messages.times_of(messages.expected), counted});
    }
}

// Counts the messages that the finding is about, each once, and moves on behind it.
void EchoVerifier::apply(const Context& context, const Finding& finding) {
    MessageStream& messages = context.messages;
    switch (finding.kind) {
    case MismatchKind::corrupt:
    case MismatchKind::foreign:
        if (messages.in_flight() != 0) {
            ++context.tally.messages.wrong;
            ++messages.expected;
        }
        break;
    case MismatchKind::truncated:
        pass_over(context, finding.resumes ? finding.resume : messages.expected + 1, true);
        break;
    case MismatchKind::reordered:
        if (finding.came->sequence >= messages.expected) {
            pass_over(context, finding.came->sequence, false);
            ++context.tally.messages.wrong; // the one that came before its turn
            ++messages.expected;
        }
        break;
    case MismatchKind::duplicate:
    case MismatchKind::extra:
        break; // no message of this stream is answered by it
    }
    offset_ = 0;
    undecided_ = false;
}

void EchoVerifier::report(const Context& context, const Finding& finding) const {
    context.tally.count(finding.kind);
    if (context.found.size() < kMismatchesDescribed) {
        context.found.push_back(describe(context, finding));
    }
}

Mismatch EchoVerifier::describe(const Context& context, const Finding& finding) const {
    const Generator& generator = context.rules.generator;
    const StreamState state = stream_state(context.messages, generator);
    const Message message = generator.message(state.stream, state.expected);
    const Bytes undecided(mismatch_state_->undecided);
    Mismatch wrong;
    wrong.kind = finding.kind;
    wrong.connection = state.connection;
    wrong.sequence = state.expected;
    wrong.length = state.expected_bytes == 0 ? 0 : message.length();
    wrong.offset = finding.offset;
    wrong.came = finding.came;
    wrong.window = wrong.offset < kExcerptLead ? 0 : (wrong.offset - kExcerptLead) / 16 * 16;
    const Bytes shown =
        undecided.subspan(wrong.window, std::min(undecided.size() - wrong.window, kExcerptSize));
    wrong.received.assign(shown.begin(), shown.end());
    if (state.expected_bytes > wrong.window) {
        wrong.expected.resize(std::min(state.expected_bytes - wrong.window, kExcerptSize));
        write_part(message, wrong.window, wrong.expected);
    }
    return wrong;
}

} // namespace echoload
