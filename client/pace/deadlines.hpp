// SPDX-License-Identifier: MIT
// The timeouts of connections, without a pass over all of them.
#pragma once

#include "base/clock.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

using echod::Duration;
using echod::TimePoint;

/// One deadline for each id, with a timeout that is the same for all. A message that is sent or
/// answered costs nothing here: an id is checked when the deadline for which it is listed has come,
/// and is listed again if its deadline is later by then. Each operation is O(1).
///
/// Time is cut into steps of timeout / 256; an id is due at the end of the step that its deadline
/// falls in, so never early and at most 0.4 % of the timeout late.
class Deadlines {
public:
    /// Ids are 0 to ids - 1; deadlines lie at most `timeout` ahead.
    Deadlines(std::uint32_t ids, Duration timeout, TimePoint now);

    /// Lists `id` to be checked after `deadline`. Has no effect where it is listed already: the
    /// deadline of an id only ever becomes later.
    void arm(std::uint32_t id, TimePoint deadline) noexcept {
        if (next_[id] == kUnlisted) {
            list(id, deadline);
        }
    }

    /// Calls check(id) for each id whose step is over: it returns the deadline of the id if that is
    /// still ahead, and otherwise handles the timeout and returns nothing.
    template <class Check>
    void expire(TimePoint now, Check&& check) {
        const std::int64_t until = now.time_since_epoch() / step_;
        if (until - done_ > kSlots) { // the loop stalled for longer than one turn of the wheel
            done_ = until - kSlots;
        }
        while (done_ < until) {
            ++done_;
            std::uint32_t id = take_slot(done_);
            while (id != kEnd) {
                const std::uint32_t following = next_[id];
                next_[id] = kUnlisted;
                if (const std::optional<TimePoint> later = check(id)) {
                    list(id, *later);
                }
                id = following;
            }
        }
    }

    /// When expire() has something to do next; nothing where no id is listed.
    [[nodiscard]] std::optional<TimePoint> next() const noexcept;

private:
    static constexpr std::int64_t kSlots = 512;
    static constexpr std::uint32_t kEnd = 0xffffffffU;
    static constexpr std::uint32_t kUnlisted = 0xfffffffeU;

    void list(std::uint32_t id, TimePoint deadline) noexcept;
    std::uint32_t take_slot(std::int64_t step) noexcept;

    Duration step_;
    std::int64_t done_;                             ///< steps up to this one are done
    std::vector<std::uint32_t> next_;               ///< of each id, the next one in its slot
    std::array<std::uint32_t, kSlots> first_{};     ///< of each slot, the first id
    std::array<std::uint64_t, kSlots / 64> used_{}; ///< which slots are not empty, a bit each
};

} // namespace echoload
