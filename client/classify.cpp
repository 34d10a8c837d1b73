// SPDX-License-Identifier: MIT
#include "client/classify.hpp"

#include <algorithm>

// A header tells a message from every other one: its type is 32 random bits and its size some more.
// So wherever eight bytes of the evidence might be a header, the messages that could have come are
// named again one by one, and one whose header is the same is compared as far as it has come. Three
// places are looked at, and the first that says something decides:
//
//   the first byte of the echo due   an echoed message (duplicate), a later one (reordered, or
//                                    truncated where the one due is left out altogether), one of
//                                    another connection (foreign)
//   some bytes further on            the echo due itself: what is before it is extra
//   the first wrong byte, or one     a message begins: the echo due was truncated, or the rest of
//   close before it that is right    it is foreign. Where it is not a beginning, it may be what
//   by chance                        another connection's message has at that place: foreign too
//
// What is none of these is corrupt, or extra where nothing is owed.

namespace echoload {

namespace {

using Bytes = std::span<const std::byte>;
using echod::kHeaderSize;
using echod::kMaxMessage;

// A cut echo may agree by chance with what follows it: with so many bytes once in 2^32.
constexpr std::size_t kChance = 4;

class Search {
public:
    Search(const Generator& generator, VerifyLevel level, const StreamState& state, Bytes evidence,
           bool final, const Neighbours& neighbours)
        : generator_(generator), level_(level), state_(state), evidence_(evidence), final_(final),
          neighbours_(neighbours), due_(generator.message(state.stream, state.expected)) {
        offset_ = prefix(due_, 0, evidence_.first(std::min(evidence_.size(), state_.owed)));
    }

    [[nodiscard]] std::optional<Finding> run();

private:
    [[nodiscard]] std::size_t prefix(const Message& message, std::size_t from, Bytes bytes) const;
    [[nodiscard]] bool begins(const Message& message, Bytes bytes) const;
    [[nodiscard]] bool begins_partly(std::uint64_t sequence, Bytes bytes) const;
    [[nodiscard]] std::optional<std::uint64_t> own_at(std::size_t at) const;
    template <class Same>
    [[nodiscard]] std::optional<Origin> elsewhere(Same same) const;

    [[nodiscard]] bool in_place_of_due();
    [[nodiscard]] bool later_in_place_of_due(std::uint64_t sequence);
    [[nodiscard]] bool behind_extra();
    [[nodiscard]] bool cut_short();
    [[nodiscard]] bool foreign_rest();
    void corrupt();

    void found(MismatchKind kind, std::optional<Origin> came) {
        finding_.kind = kind;
        finding_.offset = offset_;
        finding_.came = came;
        wants_more_ = false;
    }
    void resume(std::size_t skip, std::uint64_t sequence) {
        finding_.skip = skip;
        finding_.resume = sequence;
        finding_.resumes = true;
    }

    const Generator& generator_;
    const VerifyLevel level_;
    const StreamState& state_;
    const Bytes evidence_;
    const bool final_;
    const Neighbours& neighbours_;
    const Message due_;
    std::size_t offset_ = 0;  ///< of the first wrong byte
    bool wants_more_ = false; ///< a place where more bytes could change what is said
    Finding finding_;
};

// How much of `bytes` is right for the message from byte `from` on, as far as is compared at all.
std::size_t Search::prefix(const Message& message, std::size_t from, Bytes bytes) const {
    const std::size_t compared = level_ == VerifyLevel::full     ? kMaxMessage
                                 : level_ == VerifyLevel::header ? kHeaderSize
                                                                 : 0;
    const Bytes part = bytes.first(std::min(bytes.size(), compared - std::min(compared, from)));
    const std::size_t right = equal_prefix(message, from, part);
    return right == part.size() ? bytes.size() : right;
}

// Whether `bytes`, at least a header, are the message as far as they go.
bool Search::begins(const Message& message, Bytes bytes) const {
    const echod::Header header = echod::decode_header(bytes.data());
    if (header.type != message.type || header.size != message.size) {
        return false;
    }
    const Bytes part = bytes.first(std::min(bytes.size(), message.length()));
    return prefix(message, 0, part) == part.size();
}

// Whether `bytes`, less than a header, could be the beginning of that message.
bool Search::begins_partly(std::uint64_t sequence, Bytes bytes) const {
    const Message message = generator_.message(state_.stream, sequence);
    return equal_prefix(message, 0, bytes) == bytes.size();
}

// The message of the same stream that begins at `at` of the evidence; the one due is none of them
// there where its echo begins.
std::optional<std::uint64_t> Search::own_at(std::size_t at) const {
    const Bytes bytes = evidence_.subspan(at);
    if (bytes.size() < kHeaderSize) {
        return std::nullopt;
    }
    const std::uint64_t end = std::min(state_.begun, state_.expected + kSearchedAhead);
    const auto is_at = [&](std::uint64_t sequence) {
        return (at != 0 || sequence != state_.expected) &&
               begins(generator_.message(state_.stream, sequence), bytes);
    };
    for (std::uint64_t sequence = state_.expected; sequence < end; ++sequence) {
        if (is_at(sequence)) {
            return sequence;
        }
    }
    const std::uint64_t behind = std::min(state_.expected, kSearchedBehind);
    for (std::uint64_t back = 1; back <= behind; ++back) {
        if (is_at(state_.expected - back)) {
            return state_.expected - back;
        }
    }
    return std::nullopt;
}

// The first message of another stream that same() says yes to.
template <class Same>
std::optional<Origin> Search::elsewhere(Same same) const {
    std::uint64_t left = kSearchedElsewhere;
    for (std::uint32_t i = 0; neighbours_ && left != 0; ++i) {
        const auto neighbour = neighbours_(i);
        if (!neighbour) {
            return std::nullopt;
        }
        if (neighbour->connection == state_.connection) {
            continue;
        }
        for (std::uint64_t sequence = neighbour->from; sequence < neighbour->to && left != 0;
             ++sequence, --left) {
            if (same(generator_.message(neighbour->stream, sequence))) {
                return Origin{neighbour->connection, sequence, 0};
            }
        }
    }
    return std::nullopt;
}

bool Search::in_place_of_due() {
    if (evidence_.size() < kHeaderSize) {
        wants_more_ = true;
        return false;
    }
    if (const auto sequence = own_at(0)) {
        if (*sequence > state_.expected) {
            return later_in_place_of_due(*sequence);
        }
        const std::size_t length = generator_.message(state_.stream, *sequence).length();
        found(MismatchKind::duplicate, Origin{state_.connection, *sequence, 0});
        wants_more_ = evidence_.size() < length;
        if (!wants_more_) {
            resume(length, state_.expected);
        }
        return true;
    }
    const auto stranger = elsewhere([&](const Message& m) { return begins(m, evidence_); });
    if (stranger) {
        found(MismatchKind::foreign, stranger);
    }
    return stranger.has_value();
}

// A later message came, and what comes behind it tells why: the one due was overtaken, or it was
// left out.
bool Search::later_in_place_of_due(std::uint64_t sequence) {
    const std::size_t length = generator_.message(state_.stream, sequence).length();
    const Origin came{state_.connection, sequence, 0};
    if (evidence_.size() < length + kHeaderSize) { // nothing came behind it so far
        found(MismatchKind::truncated, came);
        resume(0, sequence);
        wants_more_ = true;
        return true;
    }
    const auto behind = own_at(length);
    if (behind && *behind > sequence) {
        found(MismatchKind::truncated, came);
        resume(0, sequence);
    } else {
        found(MismatchKind::reordered, came);
        resume(length, sequence + 1);
    }
    return true;
}

// The echo due begins a little further on.
bool Search::behind_extra() {
    if (state_.owed < kHeaderSize || level_ == VerifyLevel::off) {
        return false;
    }
    const std::size_t end = std::min(evidence_.size(), kMaxMessage + kHeaderSize);
    for (std::size_t at = 1; at < end; ++at) {
        const Bytes rest = evidence_.subspan(at);
        if (rest.size() < kHeaderSize) {
            wants_more_ = wants_more_ || begins_partly(state_.expected, rest);
        } else if (begins(due_, rest.first(std::min(rest.size(), state_.owed)))) {
            found(MismatchKind::extra, std::nullopt);
            resume(at, state_.expected);
            return true;
        }
    }
    return false;
}

// Another message begins where the echo due goes wrong.
bool Search::cut_short() {
    for (std::size_t back = 0; back <= kChance && back < offset_; ++back) {
        const std::size_t cut = offset_ - back;
        const Bytes rest = evidence_.subspan(cut);
        if (rest.size() < kHeaderSize) {
            wants_more_ = wants_more_ || (state_.expected + 1 < state_.begun &&
                                          begins_partly(state_.expected + 1, rest));
            continue;
        }
        if (const auto sequence = own_at(cut)) {
            offset_ = cut;
            found(MismatchKind::truncated, Origin{state_.connection, *sequence, 0});
            if (*sequence > state_.expected) {
                resume(cut, *sequence);
            }
            return true;
        }
        if (const auto stranger = elsewhere([&](const Message& m) { return begins(m, rest); })) {
            offset_ = cut;
            found(MismatchKind::foreign, stranger);
            return true;
        }
    }
    return false;
}

// What came from the first wrong byte on is what another connection's message has there.
bool Search::foreign_rest() {
    const std::size_t end = std::min(evidence_.size(), state_.owed);
    if (level_ != VerifyLevel::full || end < offset_ + kHeaderSize) {
        return false;
    }
    const Bytes bytes = evidence_.subspan(offset_, kHeaderSize);
    auto stranger = elsewhere([&](const Message& message) {
        return message.length() >= offset_ + bytes.size() && matches(message, offset_, bytes);
    });
    if (stranger) {
        stranger->offset = offset_;
        found(MismatchKind::foreign, stranger);
    }
    return stranger.has_value();
}

void Search::corrupt() {
    const std::size_t length = due_.length();
    const bool wants_more = wants_more_ || evidence_.size() < length;
    found(MismatchKind::corrupt, std::nullopt);
    wants_more_ = wants_more;
    if (evidence_.size() < length || state_.owed < length) {
        return;
    }
    const Bytes behind = evidence_.subspan(length);
    const bool in_step = behind.empty() || own_at(length) ||
                         (state_.expected + 1 < state_.begun && behind.size() < kHeaderSize &&
                          begins_partly(state_.expected + 1, behind));
    if (in_step) {
        resume(length, state_.expected + 1);
    }
}

std::optional<Finding> Search::run() {
    if (state_.owed != 0 && offset_ == state_.owed) { // more came than was sent so far
        found(MismatchKind::extra, std::nullopt);
        return finding_;
    }
    if (in_place_of_due() || behind_extra() || cut_short() || foreign_rest()) {
        // found
    } else if (state_.owed == 0) {
        found(MismatchKind::extra, std::nullopt);
        resume(evidence_.size(), state_.expected);
        wants_more_ = evidence_.size() < kHeaderSize;
    } else {
        corrupt();
    }
    return wants_more_ && !final_ ? std::nullopt : std::optional(finding_);
}

} // namespace

std::string_view to_string(VerifyLevel level) noexcept {
    switch (level) {
    case VerifyLevel::full:
        return "full";
    case VerifyLevel::header:
        return "header";
    case VerifyLevel::off:
        return "off";
    }
    return "unknown";
}

std::string_view what_was_right(VerifyLevel level) noexcept {
    switch (level) {
    case VerifyLevel::full:
        return "every echo was byte for byte what was sent";
    case VerifyLevel::header:
        return "every echo had the header and the length of what was sent (payloads not compared)";
    case VerifyLevel::off:
        return "every echo had the length of what was sent (nothing else compared)";
    }
    return {};
}

std::optional<Finding> classify(const Generator& generator, VerifyLevel level,
                                const StreamState& state, std::span<const std::byte> evidence,
                                bool final, const Neighbours& neighbours) {
    return Search(generator, level, state, evidence, final, neighbours).run();
}

} // namespace echoload
