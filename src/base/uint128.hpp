// SPDX-License-Identifier: MIT
// An unsigned number of 128 bits, also where the compiler has none (32-bit machines).
#pragma once

#include <cstdint>

namespace echod {

/// Counts modulo 2^128.
class Uint128 {
public:
    constexpr Uint128(std::uint64_t value = 0) noexcept : low_(value) {} // NOLINT(*-explicit-*)

    /// The product of two numbers of 64 bits, which always fits.
    [[nodiscard]] static constexpr Uint128 product(std::uint64_t a, std::uint64_t b) noexcept {
        constexpr std::uint64_t kHalf = 0xffffffff;
        const std::uint64_t low = (a & kHalf) * (b & kHalf);
        const std::uint64_t first = (a >> 32) * (b & kHalf) + (low >> 32);
        const std::uint64_t second = (a & kHalf) * (b >> 32) + (first & kHalf);
        Uint128 out((second << 32) | (low & kHalf));
        out.high_ = (a >> 32) * (b >> 32) + (first >> 32) + (second >> 32);
        return out;
    }

    [[nodiscard]] constexpr std::uint64_t low() const noexcept { return low_; }
    [[nodiscard]] constexpr std::uint64_t high() const noexcept { return high_; }

    constexpr Uint128& operator+=(const Uint128& other) noexcept {
        low_ += other.low_;
        high_ += other.high_ + (low_ < other.low_ ? 1 : 0);
        return *this;
    }

    constexpr Uint128& operator*=(std::uint64_t factor) noexcept {
        const Uint128 lower = product(low_, factor);
        high_ = high_ * factor + lower.high_;
        low_ = lower.low_;
        return *this;
    }

    /// Divides by `divisor`, which is not 0, and returns the remainder.
    constexpr std::uint64_t divide(std::uint64_t divisor) noexcept {
        std::uint64_t rest = 0;
        for (int i = 0; i < 128; ++i) { // a bit of the dividend goes out, one of the quotient comes
            const bool carry = rest >> 63 != 0;
            rest = rest << 1 | high_ >> 63;
            high_ = high_ << 1 | low_ >> 63;
            low_ <<= 1;
            if (carry || rest >= divisor) {
                rest -= divisor;
                low_ |= 1;
            }
        }
        return rest;
    }

    [[nodiscard]] constexpr bool operator==(const Uint128&) const noexcept = default;

private:
    std::uint64_t low_ = 0;
    std::uint64_t high_ = 0;
};

} // namespace echod
