// SPDX-License-Identifier: MIT
// The names of an enum's values: one table for parsing, printing, help and messages.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace echod {

/// The names of an enum whose values count up from 0 to `Last`, in that order. A table that lacks
/// a name, or has one too many, does not compile.
template <auto Last, std::size_t N>
[[nodiscard]] constexpr std::array<std::string_view, N>
names_up_to(const std::string_view (&names)[N]) noexcept {
    static_assert(N == static_cast<std::size_t>(Last) + 1, "one name for each value");
    return std::to_array(names);
}

/// The table of an enum. Its specialisation stands beside the enum:
///     template <>
///     inline constexpr auto kEnumNames<WhenFull> =
///         names_up_to<WhenFull::evict>({"queue", "reject", "evict"});
template <class Enum>
inline constexpr std::array<std::string_view, 0> kEnumNames{};

/// The name of `value`.
template <class Enum>
[[nodiscard]] constexpr std::string_view enum_name(Enum value) noexcept {
    return kEnumNames<Enum>[static_cast<std::size_t>(value)];
}

/// The value with that name, or nothing where no value has it.
template <class Enum>
[[nodiscard]] constexpr std::optional<Enum> enum_value(std::string_view name) noexcept {
    for (std::size_t i = 0; i < kEnumNames<Enum>.size(); ++i) {
        if (kEnumNames<Enum>[i] == name) {
            return static_cast<Enum>(i);
        }
    }
    return std::nullopt;
}

/// All names, for a message: "queue, reject or evict". `quote` is put on both sides of each name,
/// `conjunction` before the last one.
template <class Enum>
[[nodiscard]] std::string enum_choices(std::string_view quote = "",
                                       std::string_view conjunction = "or") {
    constexpr auto& kNames = kEnumNames<Enum>;
    std::string text;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (i != 0 && i + 1 == kNames.size()) {
            text.append(" ").append(conjunction).append(" ");
        } else if (i != 0) {
            text += ", ";
        }
        text.append(quote).append(kNames[i]).append(quote);
    }
    return text;
}

} // namespace echod
