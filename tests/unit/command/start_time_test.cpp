// SPDX-License-Identifier: MIT
#include "client/command/start_time.hpp"
#include "client/result/not_possible.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

TEST(StartTime, ATimeFromNowIsCountedFromNow) {
    const auto now = WallTime(1'795'953'600s);
    EXPECT_EQ(start_time(StartAt::parse("+5s"), now), now + 5s);
    EXPECT_EQ(start_time(StartAt::parse("2026-11-29T12:00:01Z"), now), now + 1s);
    EXPECT_EQ(start_time(StartAt::parse("+0"), now), now);
}

TEST(StartTime, OneThatIsPastIsRefusedWithTheDifference) {
    const auto now = WallTime(1'795'953'603s + 200ms);
    try {
        (void)start_time(StartAt::parse("2026-11-29T12:00:00Z"), now);
        FAIL() << "it was taken";
    } catch (const NotPossible& error) {
        const std::string text = error.what();
        EXPECT_EQ(text.rfind("--start-at 2026-11-29T12:00:00Z: that was 3.20s ago by the clock of "
                             "this machine (2026-11-29T12:00:03.200000Z; ",
                             0),
                  0U)
            << text;
        EXPECT_NE(text.find("synchronised"), std::string::npos) << text;
    }
}

TEST(StartTime, ConnectionsAreOpenedBefore) {
    Options options;
    options.connections = 1000;
    EXPECT_EQ(time_to_connect(options), Duration(5s));
    options.connect_rate = 100.0;
    EXPECT_EQ(time_to_connect(options), Duration(15s));
}
