// SPDX-License-Identifier: MIT
#include "client/options/compare_options.hpp"
#include "client/options/parse.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <variant>
#include <vector>

using namespace echoload;

TEST(CompareOptions, TwoDashesDivideTheFilesOfTheSides) {
    const auto files_of = [](std::vector<const char*> arguments) {
        arguments.insert(arguments.begin(), "compare");
        const auto parsed = parse_compare(static_cast<int>(arguments.size()), arguments.data());
        const auto* options = std::get_if<CompareOptions>(&parsed);
        return options == nullptr ? std::pair<std::size_t, std::size_t>{}
                                  : std::pair(options->before.size(), options->after.size());
    };
    using Sizes = std::pair<std::size_t, std::size_t>;
    EXPECT_EQ(files_of({"ab"}), Sizes(1, 0));
    EXPECT_EQ(files_of({"a", "b"}), Sizes(1, 1));
    EXPECT_EQ(files_of({"a", "--", "b"}), Sizes(1, 1));
    EXPECT_EQ(files_of({"a", "--force", "a", "--", "b", "b", "b", "--force"}), Sizes(2, 3));
    EXPECT_EQ(files_of({"a", "b", "c"}), Sizes());
    EXPECT_EQ(files_of({"a", "--"}), Sizes());
    EXPECT_EQ(files_of({"--", "b"}), Sizes());
    EXPECT_EQ(files_of({"a", "--", "b", "--", "c"}), Sizes());
}
