// SPDX-License-Identifier: MIT
#include "client/statistics/holm.hpp"

#include <gtest/gtest.h>

using namespace echoload;

// R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
TEST(Holm, IsThatOfR) {
    const std::vector<double> corrected = holm({0.01, 0.04, 0.03, 0.005});
    const std::vector<double> expected = {0.03, 0.06, 0.06, 0.02};
    ASSERT_EQ(corrected.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_DOUBLE_EQ(corrected[i], expected[i]) << i;
    }
}

TEST(Holm, OneValueStaysAndNoneIsAboveOne) {
    EXPECT_EQ(holm({0.2}), std::vector<double>{0.2});
    EXPECT_EQ(holm({0.9, 0.8}), (std::vector<double>{1, 1}));
    EXPECT_TRUE(holm({}).empty());
}
