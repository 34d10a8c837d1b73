// SPDX-License-Identifier: MIT
#include "client/pace/deadlines.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace echoload {

namespace {

constexpr Duration kFinestStep = std::chrono::microseconds(50);
constexpr int kStepsPerTimeout = 256;

} // namespace

Deadlines::Deadlines(std::uint32_t ids, Duration timeout, TimePoint now)
    : step_(std::max(timeout / kStepsPerTimeout, kFinestStep)),
      done_(now.time_since_epoch() / step_), next_(ids, kUnlisted) {
    first_.fill(kEnd);
}

void Deadlines::list(std::uint32_t id, TimePoint deadline) noexcept {
    // The end of the deadline's step, limited to the wheel: one that is too far is checked early
    // and listed again, one that is past is checked in the next step.
    const std::int64_t step =
        std::clamp(deadline.time_since_epoch() / step_ + 1, done_ + 1, done_ + kSlots - 1);
    const auto slot = static_cast<std::size_t>(step % kSlots);
    next_[id] = first_[slot];
    first_[slot] = id;
    used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

std::uint32_t Deadlines::take_slot(std::int64_t step) noexcept {
    const auto slot = static_cast<std::size_t>(step % kSlots);
    used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    return std::exchange(first_[slot], kEnd);
}

std::optional<TimePoint> Deadlines::next() const noexcept {
    // Word by word from the slot after the last one done, one turn of the wheel.
    const auto from = static_cast<std::size_t>((done_ + 1) % kSlots);
    for (std::size_t i = 0; i <= used_.size(); ++i) {
        const std::size_t word = (from / 64 + i) % used_.size();
        std::uint64_t bits = used_[word];
        if (i == 0) {
            bits &= ~std::uint64_t{0} << (from % 64);
        } else if (i == used_.size()) {
            bits &= ~(~std::uint64_t{0} << (from % 64));
        }
        if (bits != 0) {
            const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
            const auto ahead = static_cast<std::int64_t>((slot + kSlots - from) % kSlots);
            return TimePoint(step_ * (done_ + 1 + ahead));
        }
    }
    return std::nullopt;
}

} // namespace echoload
