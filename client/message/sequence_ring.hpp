// SPDX-License-Identifier: MIT
// One value for each message in flight, found by its sequence number.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace echoload {

/// Holds a T for each sequence number of a window [first, end). The first few need no memory of
/// their own; a longer window doubles its memory, which is not released.
template <class T>
class SequenceRing {
public:
    [[nodiscard]] T& operator[](std::uint64_t sequence) noexcept {
        return data()[sequence & mask_];
    }
    [[nodiscard]] const T& operator[](std::uint64_t sequence) const noexcept {
        return data()[sequence & mask_];
    }

    /// Makes room for the value of `end`; the values of [first, end) stay.
    void extend(std::uint64_t first, std::uint64_t end) {
        if (end - first <= mask_) {
            return;
        }
        const std::uint64_t mask = mask_ * 2 + 1;
        auto larger = std::make_unique<T[]>(mask + 1);
        for (std::uint64_t sequence = first; sequence != end; ++sequence) {
            larger[sequence & mask] = (*this)[sequence];
        }
        heap_ = std::move(larger);
        mask_ = mask;
    }

private:
    static constexpr std::size_t kInline = 2;

    [[nodiscard]] T* data() noexcept { return heap_ ? heap_.get() : inline_.data(); }
    [[nodiscard]] const T* data() const noexcept { return heap_ ? heap_.get() : inline_.data(); }

    std::array<T, kInline> inline_{};
    std::unique_ptr<T[]> heap_;
    std::uint64_t mask_ = kInline - 1;
};

} // namespace echoload
