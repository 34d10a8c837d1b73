// SPDX-License-Identifier: MIT
// Finds what is nested deeper than a parser that calls itself can read.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace echod {

/// A place where a TOML text is nested too deeply.
struct DeepPlace {
    std::size_t offset = 0;
    std::size_t line = 0;   ///< from 1
    std::size_t column = 0; ///< in characters, from 1
    std::string_view error; ///< what would be right
};

/// The first place in `text` at which a dotted key has more than 16 parts, or arrays and inline
/// tables are nested more than 16 deep; nullopt if there is none. What a TOML parser reads before
/// it finds an error is never nested more deeply than this function sees.
[[nodiscard]] std::optional<DeepPlace> find_deep_place(std::string_view text) noexcept;

} // namespace echod
