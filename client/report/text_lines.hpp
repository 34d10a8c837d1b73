// SPDX-License-Identifier: MIT
// What the lines of the text report have in common.
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

using Out = std::back_insert_iterator<std::string>;

/// A line's label, padded to where its figures begin.
inline constexpr const char* kLabel = "{:<12}";

/// The parts with `between` between each two.
[[nodiscard]] inline std::string joined(const std::vector<std::string>& parts,
                                        std::string_view between) {
    std::string text;
    for (const std::string& part : parts) {
        text += text.empty() ? part : std::string(between) + part;
    }
    return text;
}

} // namespace echoload
