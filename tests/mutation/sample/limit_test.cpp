// SPDX-License-Identifier: MIT
#include "limit.hpp"

#include <gtest/gtest.h>

TEST(Sample, TheLimitIsWithinItselfUnlessStrict) {
    EXPECT_TRUE(sample::within(10, false));
    EXPECT_FALSE(sample::within(10, true));
    EXPECT_FALSE(sample::within(11, false));
    EXPECT_TRUE(sample::within(9, true));
}

TEST(Sample, ALabelIsReadButNotChecked) {
    (void)sample::label(3);
}
