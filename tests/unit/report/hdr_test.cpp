// SPDX-License-Identifier: MIT
#include "client/report/hdr.hpp"

#include <gtest/gtest.h>

#include <sstream>

using namespace echoload;

TEST(HdrText, EachRowSaysHowManyAreAtOrBelowItsValue) {
    Histogram histogram;
    for (int i = 1; i <= 1000; ++i) {
        histogram.record(std::chrono::microseconds(i));
    }
    std::istringstream text(hdr_text(histogram));
    std::string line;
    std::getline(text, line);
    EXPECT_EQ(line, "       Value     Percentile TotalCount 1/(1-Percentile)");
    std::getline(text, line);
    EXPECT_EQ(line, "");
    double previous = -1;
    std::uint64_t total = 0;
    std::string inverse;
    while (std::getline(text, line) && line[0] != '#') {
        std::istringstream row(line);
        double value = 0;
        double percentile = 0;
        ASSERT_TRUE(row >> value >> percentile >> total >> inverse) << line;
        EXPECT_GT(percentile, previous);
        previous = percentile;
        EXPECT_NEAR(value * 1000, static_cast<double>(total), 1.0) << line;
        EXPECT_GE(static_cast<double>(total) + 1e-6, percentile * 1000) << line;
    }
    EXPECT_EQ(total, 1000U);
    EXPECT_EQ(inverse, "inf");
    EXPECT_EQ(previous, 1.0);
    EXPECT_EQ(line.rfind("#[Mean    =     0.500500, StdDeviation   =     0.2887", 0), 0U) << line;
    std::getline(text, line);
    EXPECT_EQ(line, "#[Max     =     1.000000, Total count    =         1000]");
    EXPECT_NE(hdr_text(Histogram()).find("Total count    =            0]"), std::string::npos);
}
