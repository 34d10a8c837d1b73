// SPDX-License-Identifier: MIT
// How large the payloads are: the law behind --sizes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// A distribution of payload sizes. The caller passes the random number; the same number always
/// gives the same size.
class SizeLaw {
public:
    /// uniform:0-1016, the default of --sizes.
    SizeLaw();

    /// Reads "uniform:A-B", "fixed:N", "list:SIZE:WEIGHT,..." or "edges". Throws
    /// std::invalid_argument that says what is wrong and what would be right.
    [[nodiscard]] static SizeLaw parse(std::string_view text);

    /// The payload size that belongs to 32 uniformly random bits.
    [[nodiscard]] std::uint32_t draw(std::uint32_t random) const noexcept {
        if (steps_.empty()) {
            return low_ + scale(random, span_);
        }
        return draw_step(random);
    }

    /// The text that parse() reads back as this law.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    struct Step {
        std::uint32_t below; ///< picks below this, and not below the step before, are of `size`
        std::uint32_t size;
    };

    // random * range / 2^32: below `range`, and as even as 32 bits allow.
    static std::uint32_t scale(std::uint32_t random, std::uint32_t range) noexcept {
        return static_cast<std::uint32_t>((static_cast<std::uint64_t>(random) * range) >> 32U);
    }
    [[nodiscard]] std::uint32_t draw_step(std::uint32_t random) const noexcept;
    void set_range(std::string_view range);
    void add_steps(std::string_view list);
    void add_step(std::uint32_t size, std::uint32_t weight);

    std::uint32_t low_ = 0;
    std::uint32_t span_ = 0; ///< sizes low_ to low_ + span_ - 1, where there are no steps
    std::vector<Step> steps_;
    std::string text_;
};

} // namespace echoload
