// SPDX-License-Identifier: MIT
// The buffers that connections borrow while they have something to keep.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace echod {

/// The loop's receive buffer, and so the most that one connection can ever have to keep.
inline constexpr std::size_t kReceiveBuffer = 32 * 1024;

/// Lends buffers of two sizes: one for a partial message, which most that borrow need, and one for
/// a whole receive buffer. A few that came back are held for the next; the rest are freed.
class BufferPool {
public:
    static constexpr std::size_t kSmall = 1024;

    /// A buffer of at least `size` bytes (at most kReceiveBuffer), or nullptr where memory is out.
    /// The caller gives it back with the same `size` class.
    [[nodiscard]] std::byte* borrow(std::size_t size) noexcept;

    /// Takes back what borrow() lent; `size` is any size of the same class.
    void give_back(std::byte* buffer, std::size_t size) noexcept;

    /// The size that a loan of `size` bytes really has.
    [[nodiscard]] static constexpr std::size_t capacity(std::size_t size) noexcept {
        return size <= kSmall ? kSmall : kReceiveBuffer;
    }

    /// Bytes lent out now.
    [[nodiscard]] std::size_t lent() const noexcept { return lent_; }

private:
    using Owned = std::unique_ptr<std::byte[]>;
    static constexpr std::size_t kSpares = 64; ///< of each size: 2 MiB at the most

    [[nodiscard]] std::vector<Owned>& spares(std::size_t capacity) noexcept {
        return capacity == kSmall ? small_ : large_;
    }

    std::vector<Owned> small_;
    std::vector<Owned> large_;
    std::size_t lent_ = 0;
};

} // namespace echod
