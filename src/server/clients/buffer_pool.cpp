// SPDX-License-Identifier: MIT
#include "server/clients/buffer_pool.hpp"

#include <new>

namespace echod {

std::byte* BufferPool::borrow(std::size_t size) noexcept {
    const std::size_t bytes = capacity(size);
    std::vector<Owned>& spare = spares(bytes);
    std::byte* buffer = nullptr;
    if (!spare.empty()) {
        buffer = spare.back().release();
        spare.pop_back();
    } else {
        buffer = new (std::nothrow) std::byte[bytes];
    }
    lent_ += buffer != nullptr ? bytes : 0;
    return buffer;
}

void BufferPool::give_back(std::byte* buffer, std::size_t size) noexcept {
    const std::size_t bytes = capacity(size);
    Owned owned(buffer);
    lent_ -= bytes;
    std::vector<Owned>& spare = spares(bytes);
    if (spare.capacity() == 0) {
        try {
            spare.reserve(kSpares);
        } catch (const std::bad_alloc&) {
            return; // `owned` frees the buffer
        }
    }
    if (spare.size() < kSpares) {
        spare.push_back(std::move(owned));
    }
}

} // namespace echod
