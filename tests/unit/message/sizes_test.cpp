// SPDX-License-Identifier: MIT
#include "client/message/sizes.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>

using echoload::SizeLaw;

namespace {

std::map<std::uint32_t, int> draw(const SizeLaw& law, int times) {
    std::mt19937 random(7);
    std::map<std::uint32_t, int> counts;
    for (int i = 0; i < times; ++i) {
        ++counts[law.draw(static_cast<std::uint32_t>(random()))];
    }
    return counts;
}

} // namespace

TEST(SizeLaw, UniformDrawsBothEndsAndNothingBeyond) {
    const SizeLaw law = SizeLaw::parse("uniform:3-10");
    EXPECT_EQ(law.draw(0), 3U);
    EXPECT_EQ(law.draw(0xffffffffU), 10U);
    const auto counts = draw(law, 80'000);
    EXPECT_EQ(counts.size(), 8U);
    for (const auto& [size, count] : counts) {
        EXPECT_NEAR(count, 10'000, 500) << size;
    }
}

TEST(SizeLaw, TheDefaultIsEverySizeOfTheProtocol) {
    const SizeLaw law;
    EXPECT_EQ(law.text(), "uniform:0-1016");
    EXPECT_EQ(law.draw(0), 0U);
    EXPECT_EQ(law.draw(0xffffffffU), 1016U);
    EXPECT_EQ(SizeLaw::parse(law.text()).draw(0x80000000U), law.draw(0x80000000U));
}

TEST(SizeLaw, FixedDrawsOneSize) {
    EXPECT_EQ(draw(SizeLaw::parse("fixed:64"), 100), (std::map<std::uint32_t, int>{{64, 100}}));
    EXPECT_EQ(draw(SizeLaw::parse("fixed:0"), 100), (std::map<std::uint32_t, int>{{0, 100}}));
}

TEST(SizeLaw, ANumberAloneIsFixedAndARangeAloneIsUniform) {
    EXPECT_EQ(SizeLaw::parse("64").text(), "fixed:64");
    EXPECT_EQ(draw(SizeLaw::parse("64"), 100), (std::map<std::uint32_t, int>{{64, 100}}));
    EXPECT_EQ(SizeLaw::parse("3-10").text(), "uniform:3-10");
    EXPECT_EQ(draw(SizeLaw::parse("3-10"), 80'000).size(), 8U);
}

TEST(SizeLaw, AListIsDrawnByItsWeights) {
    auto counts = draw(SizeLaw::parse("list:0:1,8:5,1016:2"), 80'000);
    EXPECT_EQ(counts.size(), 3U);
    EXPECT_NEAR(counts[0], 10'000, 500);
    EXPECT_NEAR(counts[8], 50'000, 500);
    EXPECT_NEAR(counts[1016], 20'000, 500);
}

TEST(SizeLaw, EdgesIncludeZeroTheLargestAndBothSidesOfTheHeader) {
    const auto counts = draw(SizeLaw::parse("edges"), 100'000);
    for (const std::uint32_t size : {0U, 1U, 7U, 8U, 9U, 503U, 504U, 505U, 1015U, 1016U}) {
        EXPECT_EQ(counts.count(size), 1U) << size;
    }
    EXPECT_LE(counts.rbegin()->first, 1016U);
}

TEST(SizeLaw, AnInvalidLawIsNamedWithTheValidForms) {
    for (const std::string text : {"",
                                   "uniform",
                                   "uniform:",
                                   "1017",
                                   "5-",
                                   "-5",
                                   "9-5",
                                   "uniform:5",
                                   "uniform:9-5",
                                   "uniform:0-1017",
                                   "uniform:-1-5",
                                   "uniform:0-5x",
                                   "fixed:",
                                   "fixed:1017",
                                   "fixed:-1",
                                   "list:",
                                   "list:5",
                                   "list:5:0",
                                   "list:5:1,",
                                   "list:5:1,,6:1",
                                   "list:1017:1",
                                   "list:1:1000001",
                                   "edge",
                                   "edges:1",
                                   "random"}) {
        try {
            (void)SizeLaw::parse(text);
            ADD_FAILURE() << "'" << text << "' was accepted";
        } catch (const std::invalid_argument& error) {
            const std::string what = error.what();
            EXPECT_NE(what.find(text + "'"), std::string::npos) << what;
            EXPECT_NE(what.find("uniform:A-B"), std::string::npos) << what;
        }
    }
}
