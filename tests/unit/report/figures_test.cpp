// SPDX-License-Identifier: MIT
#include "client/report/figures.hpp"

#include <gtest/gtest.h>

using namespace echoload;

TEST(Figures, AreGroupedAndScaled) {
    EXPECT_EQ(group_digits(0), "0");
    EXPECT_EQ(group_digits(999), "999");
    EXPECT_EQ(group_digits(1000), "1,000");
    EXPECT_EQ(group_digits(12'345'678), "12,345,678");
    EXPECT_EQ(byte_rate(0), "0.00 B/s");
    EXPECT_EQ(byte_rate(999.9), "1.00 kB/s");
    EXPECT_EQ(byte_rate(12'345'678), "12.3 MB/s");
    EXPECT_EQ(byte_rate(1.5e15), "1500 TB/s");
}
