// SPDX-License-Identifier: MIT
#include "client/load/plan.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

TEST(Plan, TheSharesOfSeveralLoopsAddUpToTheRun) {
    Options options;
    options.connections = 1001;
    options.messages = 100'003;
    options.connect_rate = 500.0;
    options.max_in_flight = 10;
    for (const std::uint32_t threads : {1U, 2U, 3U, 7U}) {
        options.threads = threads;
        const auto plans = divide(options, 1s);
        ASSERT_EQ(plans.size(), threads);
        std::uint64_t next = 0;
        std::uint64_t messages = 0;
        std::uint64_t in_flight = 0;
        double rate = 0;
        for (const WorkerPlan& plan : plans) {
            EXPECT_EQ(plan.first_connection, next) << "no number twice, and none left out";
            next += plan.connections;
            messages += *plan.messages;
            in_flight += plan.max_in_flight;
            rate += *plan.connect_rate;
            EXPECT_GE(plan.connect_places, 1U);
            EXPECT_LE(plan.connections, 1001 / threads + 1);
            EXPECT_TRUE(plan.hold);
            EXPECT_FALSE(plan.arrivals);
            EXPECT_EQ(plan.interval, Duration(1s));
        }
        EXPECT_EQ(next, 1001U);
        EXPECT_EQ(messages, 100'003U);
        EXPECT_EQ(in_flight, 10U);
        EXPECT_DOUBLE_EQ(rate, 500.0);
    }
}

TEST(Plan, TheMessagesOfAnOpenLoopAreDistributedToTheLoops) {
    Options options;
    options.connections = 4;
    options.threads = 2;
    options.messages = 5;
    options.pace = Pace{1000, 1000};
    const TimePoint start(1000s);
    auto plans = divide(options, std::nullopt);
    std::vector<Duration> dues;
    for (WorkerPlan& plan : plans) {
        EXPECT_FALSE(plan.hold) << "its schedule holds it";
        plan.arrivals->begin(start, start);
        for (; plan.arrivals->next() != Arrivals::kNever; plan.arrivals->advance()) {
            dues.push_back(plan.arrivals->next() - start);
        }
    }
    EXPECT_EQ(dues, (std::vector<Duration>{0ms, 2ms, 4ms, 1ms, 3ms}));
}
