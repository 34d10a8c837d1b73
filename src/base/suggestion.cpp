// SPDX-License-Identifier: MIT
#include "base/suggestion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace echod {

namespace {

// The Levenshtein distance: insertions, deletions and substitutions that turn one text into the
// other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t j = 0; j <= to.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t change = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
        }
    }
    return row.back();
}

} // namespace

std::string suggestion(const std::string& unknown, const std::vector<std::string>& candidates) {
    const auto key_of = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
    const std::string* best = nullptr;
    std::size_t least = std::max<std::size_t>(2, key_of(unknown).size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        // The right key in the wrong section counts as one edit more than the key's own distance.
        const std::size_t in_another_section =
            edit_distance(key_of(unknown), key_of(candidate)) + 1;
        const std::size_t distance =
            std::min(edit_distance(unknown, candidate), in_another_section);
        if (distance < least) {
            least = distance;
            best = &candidate;
        }
    }
    return best != nullptr ? fmt::format("; did you mean {}?", *best) : std::string();
}

} // namespace echod
