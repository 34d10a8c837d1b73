// SPDX-License-Identifier: MIT
// Follows the stream of echoes of one connection and classifies what is wrong in it.
#pragma once

#include "client/load/message_stream.hpp"
#include "client/measure/tally.hpp"
#include "client/message/mismatch.hpp"
#include "client/message/verify_rules.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace echoload {

/// The time that a receive call returned, and whether that was in the measured window.
struct ReceiveTime {
    TimePoint now;
    bool in_window = false;
};

/// Compares received bytes with the messages that were sent, moves `messages.expected` on, and
/// counts each message once. It knows no socket and reads no clock. The first wrong byte makes the
/// stream undecided: all bytes from there on are stored until classify() can name the mistake.
/// Then the stream either fails or is followed again from the place that classify() found.
class EchoVerifier {
public:
    /// Verifies the next `bytes` of the stream, however they are split. A wrong echo is counted by
    /// its kind and, up to kMismatchesDescribed, added to `found` without addresses.
    [[nodiscard]] VerifyState verify(MessageStream& messages, const VerifyRules& rules,
                                     std::span<const std::byte> bytes, ReceiveTime time,
                                     Tally& tally, std::vector<Mismatch>& found);

    /// Classifies the undecided bytes with what has come: there will be no more. `ok` where there
    /// are none.
    [[nodiscard]] VerifyState settle(MessageStream& messages, const VerifyRules& rules,
                                     ReceiveTime time, Tally& tally, std::vector<Mismatch>& found);

    /// The server has ended the stream: settles, and counts an echo that came in part as truncated.
    void end_of_file(MessageStream& messages, const VerifyRules& rules, ReceiveTime time,
                     Tally& tally, std::vector<Mismatch>& found);

    /// Forgets all state; messages that were passed over and never came count as lost.
    void end(Tally& tally) noexcept;

    /// A wrong byte came that is not classified yet.
    [[nodiscard]] bool is_undecided() const noexcept { return undecided_; }

    /// When the first undecided byte came; nothing where none is undecided.
    [[nodiscard]] std::optional<TimePoint> undecided_since() const noexcept {
        return undecided_ ? std::optional(mismatch_state_->since) : std::nullopt;
    }

    /// No wrong byte has come.
    [[nodiscard]] bool all_right() const noexcept { return mismatch_state_ == nullptr; }

    /// How many bytes of the expected message's echo are verified.
    [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

private:
    /// A message that was passed over because a later one came; it may still come.
    struct PassedOver {
        std::uint64_t sequence;
        MessageStream::Times times;
        bool counted; ///< as wrong
    };

    /// The state of a stream that met a wrong echo.
    struct MismatchState {
        std::vector<std::byte> undecided; ///< all that came from the expected echo's first byte on
        TimePoint since;                  ///< when the first undecided byte came
        std::vector<PassedOver> passed_over;
    };

    /// What the slow path works with.
    struct Context;

    [[nodiscard]] std::span<const std::byte> check(MessageStream& messages,
                                                   const VerifyRules& rules,
                                                   std::span<const std::byte> bytes,
                                                   ReceiveTime time, Tally& tally) noexcept;
    [[nodiscard]] VerifyState compare_rest(const Context& context, std::span<const std::byte> rest);
    void begin_undecided(const Context& context, std::span<const std::byte> bytes);
    [[nodiscard]] VerifyState resolve(const Context& context, bool final);
    [[nodiscard]] bool came_late(const Context& context, Finding& finding);
    void pass_over(const Context& context, std::uint64_t until, bool counted);
    void apply(const Context& context, const Finding& finding);
    void report(const Context& context, const Finding& finding) const;
    [[nodiscard]] Mismatch describe(const Context& context, const Finding& finding) const;

    std::unique_ptr<MismatchState> mismatch_state_; ///< nothing where every echo was right
    std::uint16_t offset_ = 0; ///< bytes of the expected message's echo that are verified
    bool undecided_ = false;
};

} // namespace echoload
