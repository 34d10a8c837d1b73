// SPDX-License-Identifier: MIT
#include "client/message/classify.hpp"

#include <algorithm>

// A header identifies a message: its type is 32 random bits, and its size adds some more. So
// wherever eight of the undecided bytes might be a header, the messages that could have come are
// generated again one by one, and one with the same header is compared as far as it has come.
// Three places are searched, and the first one with a result decides:
//
//   the first byte of the expected   an echoed message (duplicate), a later one (reordered, or
//   echo                             truncated where the expected one is left out altogether), a
//                                    message of another stream (foreign)
//   some bytes later                 the expected echo: the bytes before it are extra
//   the first wrong byte, or one     a message begins: the expected echo was truncated, or the rest
//   shortly before it that is right  of it is foreign. Where none begins, the bytes may be from the
//   by chance                        same place of a message of another stream: foreign too
//
// All other bytes are corrupt, or extra where no echo is expected.

namespace echoload {

namespace {

using Bytes = std::span<const std::byte>;
using echod::kHeaderSize;
using echod::kMaxMessage;

// A truncated echo may agree by chance with the bytes after it: in four bytes once in 2^32.
constexpr std::size_t kChance = 4;

class Search {
public:
    Search(const Generator& generator, VerifyLevel level, const StreamState& state, Bytes undecided,
           bool final, const Neighbours& neighbours)
        : generator_(generator), level_(level), state_(state), undecided_(undecided), final_(final),
          neighbours_(neighbours), due_(generator.message(state.stream, state.expected)) {
        offset_ =
            prefix(due_, 0, undecided_.first(std::min(undecided_.size(), state_.expected_bytes)));
    }

    [[nodiscard]] std::optional<Finding> run();

private:
    [[nodiscard]] std::size_t prefix(const Message& message, std::size_t from, Bytes bytes) const;
    [[nodiscard]] bool begins(const Message& message, Bytes bytes) const;
    [[nodiscard]] bool begins_partly(std::uint64_t sequence, Bytes bytes) const;
    [[nodiscard]] std::optional<std::uint64_t> own_at(std::size_t at) const;
    template <class Same>
    [[nodiscard]] std::optional<Origin> in_other_streams(Same same) const;

    [[nodiscard]] bool instead_of_expected();
    [[nodiscard]] bool later_instead_of_expected(std::uint64_t sequence);
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
    const Bytes undecided_;
    const bool final_;
    const Neighbours& neighbours_;
    const Message due_;
    std::size_t offset_ = 0;  ///< of the first wrong byte
    bool wants_more_ = false; ///< more bytes could change the result
    Finding finding_;
};

// How many of `bytes` agree with the message from byte `from` on, within what the level compares.
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

// The message of the same stream that begins at `at` of the undecided bytes, other than the
// expected one at its own place.
std::optional<std::uint64_t> Search::own_at(std::size_t at) const {
    const Bytes bytes = undecided_.subspan(at);
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

// The first message of another stream for which same() is true.
template <class Same>
std::optional<Origin> Search::in_other_streams(Same same) const {
    std::uint64_t left = kSearchedForeign;
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

bool Search::instead_of_expected() {
    if (undecided_.size() < kHeaderSize) {
        wants_more_ = true;
        return false;
    }
    if (const auto sequence = own_at(0)) {
        if (*sequence > state_.expected) {
            return later_instead_of_expected(*sequence);
        }
        const std::size_t length = generator_.message(state_.stream, *sequence).length();
        found(MismatchKind::duplicate, Origin{state_.connection, *sequence, 0});
        wants_more_ = undecided_.size() < length;
        if (!wants_more_) {
            resume(length, state_.expected);
        }
        return true;
    }
    const auto foreign = in_other_streams([&](const Message& m) { return begins(m, undecided_); });
    if (foreign) {
        found(MismatchKind::foreign, foreign);
    }
    return foreign.has_value();
}

// A later message came. The bytes after it show whether the expected one was overtaken or left out.
bool Search::later_instead_of_expected(std::uint64_t sequence) {
    const std::size_t length = generator_.message(state_.stream, sequence).length();
    const Origin came{state_.connection, sequence, 0};
    if (undecided_.size() < length + kHeaderSize) { // nothing has come after it so far
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

// The expected echo begins some bytes later.
bool Search::behind_extra() {
    if (state_.expected_bytes < kHeaderSize || level_ == VerifyLevel::off) {
        return false;
    }
    const std::size_t end = std::min(undecided_.size(), kMaxMessage + kHeaderSize);
    for (std::size_t at = 1; at < end; ++at) {
        const Bytes rest = undecided_.subspan(at);
        if (rest.size() < kHeaderSize) {
            wants_more_ = wants_more_ || begins_partly(state_.expected, rest);
        } else if (begins(due_, rest.first(std::min(rest.size(), state_.expected_bytes)))) {
            found(MismatchKind::extra, std::nullopt);
            resume(at, state_.expected);
            return true;
        }
    }
    return false;
}

// Another message begins where the expected echo becomes wrong.
bool Search::cut_short() {
    for (std::size_t back = 0; back <= kChance && back < offset_; ++back) {
        const std::size_t cut = offset_ - back;
        const Bytes rest = undecided_.subspan(cut);
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
        if (const auto foreign =
                in_other_streams([&](const Message& m) { return begins(m, rest); })) {
            offset_ = cut;
            found(MismatchKind::foreign, foreign);
            return true;
        }
    }
    return false;
}

// The bytes from the first wrong one on are those of a foreign message at the same place.
bool Search::foreign_rest() {
    const std::size_t end = std::min(undecided_.size(), state_.expected_bytes);
    if (level_ != VerifyLevel::full || end < offset_ + kHeaderSize) {
        return false;
    }
    const Bytes bytes = undecided_.subspan(offset_, kHeaderSize);
    auto foreign = in_other_streams([&](const Message& message) {
        return message.length() >= offset_ + bytes.size() && matches(message, offset_, bytes);
    });
    if (foreign) {
        foreign->offset = offset_;
        found(MismatchKind::foreign, foreign);
    }
    return foreign.has_value();
}

void Search::corrupt() {
    const std::size_t length = due_.length();
    const bool wants_more = wants_more_ || undecided_.size() < length;
    found(MismatchKind::corrupt, std::nullopt);
    wants_more_ = wants_more;
    if (undecided_.size() < length || state_.expected_bytes < length) {
        return;
    }
    const Bytes behind = undecided_.subspan(length);
    const bool in_step = behind.empty() || own_at(length) ||
                         (state_.expected + 1 < state_.begun && behind.size() < kHeaderSize &&
                          begins_partly(state_.expected + 1, behind));
    if (in_step) {
        resume(length, state_.expected + 1);
    }
}

std::optional<Finding> Search::run() {
    if (state_.expected_bytes != 0 &&
        offset_ == state_.expected_bytes) { // more came than was sent so far
        found(MismatchKind::extra, std::nullopt);
        return finding_;
    }
    if (instead_of_expected() || behind_extra() || cut_short() || foreign_rest()) {
        // found
    } else if (state_.expected_bytes == 0) {
        found(MismatchKind::extra, std::nullopt);
        resume(undecided_.size(), state_.expected);
        wants_more_ = undecided_.size() < kHeaderSize;
    } else {
        corrupt();
    }
    return wants_more_ && !final_ ? std::nullopt : std::optional(finding_);
}

} // namespace

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
                                const StreamState& state, std::span<const std::byte> undecided,
                                bool final, const Neighbours& neighbours) {
    return Search(generator, level, state, undecided, final, neighbours).run();
}

} // namespace echoload
