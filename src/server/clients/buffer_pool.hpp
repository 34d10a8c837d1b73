// SPDX-License-Identifier: MIT
// The buffers that connections borrow while they have buffered bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace echod {

/// The size of the loop's receive buffer, and so the most that one connection can buffer.
inline constexpr std::size_t kReceiveBuffer = 32 * 1024;

/// Lends buffers of two sizes: one for an incomplete message, which is the common case, and one for
/// a whole receive buffer. A few returned buffers are reused; the others are freed.
class BufferPool {
public:
    static constexpr std::size_t kSmall = 1024;

    /// A buffer of at least `size` bytes (at most kReceiveBuffer), or nullptr if memory is out. The
    /// caller returns it with give_back().
    [[nodiscard]] std::byte* borrow(std::size_t size) noexcept;

    /// Takes back a buffer of borrow(); `size` is any size with the same capacity().
    void give_back(std::byte* buffer, std::size_t size) noexcept;

    /// The size of the buffer that borrow(size) returns.
    [[nodiscard]] static constexpr std::size_t capacity(std::size_t size) noexcept {
        return size <= kSmall ? kSmall : kReceiveBuffer;
    }

    /// Bytes lent out now.
    [[nodiscard]] std::size_t lent() const noexcept { return lent_; }

private:
    using Owned = std::unique_ptr<std::byte[]>;
    static constexpr std::size_t kSpares = 64; ///< of each size: at most 2 MiB

    [[nodiscard]] std::vector<Owned>& spares(std::size_t capacity) noexcept {
        return capacity == kSmall ? small_ : large_;
    }

    std::vector<Owned> small_;
    std::vector<Owned> large_;
    std::size_t lent_ = 0;
};

} // namespace echod
