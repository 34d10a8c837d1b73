// SPDX-License-Identifier: MIT
// Shared by the fuzz targets: the input as a source of decisions, and a check that ends the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace fuzz {

/// Reads an input in small portions. An exhausted input gives zeros.
class Bytes {
public:
    Bytes(const std::uint8_t* data, std::size_t size) noexcept : rest_(data, size) {}

    [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

    std::uint8_t byte() noexcept {
        if (rest_.empty()) {
            return 0;
        }
        const std::uint8_t value = rest_.front();
        rest_ = rest_.subspan(1);
        return value;
    }

    /// Two bytes in network byte order.
    std::uint32_t pair() noexcept {
        const std::uint32_t high = byte();
        return high << 8U | byte();
    }

    /// A number below `count`.
    std::uint32_t choice(std::uint32_t count) noexcept { return byte() % count; }

    /// At most `count` bytes, unchanged.
    std::span<const std::uint8_t> take(std::size_t count) noexcept {
        const auto taken = rest_.first(count < rest_.size() ? count : rest_.size());
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    std::span<const std::uint8_t> rest_;
};

/// Aborts the process if `holds` is false: libFuzzer then saves the input.
inline void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "violated: %s\n", what);
        std::abort();
    }
}

} // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
