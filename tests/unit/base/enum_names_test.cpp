// SPDX-License-Identifier: MIT
#include "base/enum_names.hpp"

#include <gtest/gtest.h>

namespace {

enum class Colour { red, green, blue };

} // namespace

template <>
inline constexpr auto echod::kEnumNames<Colour> = echod::names_up_to<Colour::blue>({"red", "green",
                                                                                    "blue"});

TEST(EnumNames, AValueIsPrintedAndReadByItsName) {
    EXPECT_EQ(echod::enum_name(Colour::blue), "blue");
    EXPECT_EQ(echod::enum_value<Colour>("green"), Colour::green);
    EXPECT_FALSE(echod::enum_value<Colour>("Green"));
    EXPECT_FALSE(echod::enum_value<Colour>(""));
}

TEST(EnumNames, TheChoicesAreListedForAMessage) {
    EXPECT_EQ(echod::enum_choices<Colour>(), "red, green or blue");
    EXPECT_EQ(echod::enum_choices<Colour>("\""), "\"red\", \"green\" or \"blue\"");
    EXPECT_EQ(echod::enum_choices<Colour>("", "and"), "red, green and blue");
}
