// SPDX-License-Identifier: MIT
#include "client/load/plan.hpp"
#include "client/options/parse.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// Part `number` of `of`, as the command line makes it.
Options part_of_run(std::uint32_t number, std::uint32_t of, std::uint32_t threads,
                    std::vector<const char*> words) {
    const std::string part = std::to_string(number) + '/' + std::to_string(of);
    const std::string loops = std::to_string(threads);
    for (const char* word :
         {"--part", part.c_str(), "-t", loops.c_str(), "--seed", "7", "127.0.0.1:1"}) {
        words.push_back(word);
    }
    words.insert(words.begin(), "echoload");
    return std::get<Options>(parse_options(static_cast<int>(words.size()), words.data()));
}

// When all messages of these loops are due, in order.
std::vector<Duration> due_times(std::vector<WorkerPlan> plans, std::uint64_t most) {
    const TimePoint start(1000s);
    std::vector<Duration> dues;
    for (WorkerPlan& plan : plans) {
        plan.arrivals->begin(start, start);
        for (std::uint64_t k = 0; k < most && plan.arrivals->next() != Arrivals::kNever; ++k) {
            dues.push_back(plan.arrivals->next() - start);
            plan.arrivals->advance();
        }
    }
    std::sort(dues.begin(), dues.end());
    return dues;
}

} // namespace

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

TEST(Plan, ThePartsOfARunAreExactlyTheRun) {
    const std::vector<const char*> words = {"-c",
                                            "1003",
                                            "-n",
                                            "100001",
                                            "-R",
                                            "7k",
                                            "--connect-rate",
                                            "500",
                                            "--conn-messages",
                                            "100",
                                            "--max-in-flight",
                                            "1000"};
    const auto whole = divide(part_of_run(1, 1, 1, words), std::nullopt);
    for (const std::uint32_t parts : {2U, 3U, 7U}) {
        std::vector<WorkerPlan> all;
        for (std::uint32_t number = 1; number <= parts; ++number) {
            // The machines need not have the same number of processors.
            const auto plans =
                divide(part_of_run(number, parts, number % 3 + 1, words), std::nullopt);
            all.insert(all.end(), plans.begin(), plans.end());
        }
        std::uint64_t connections = 0;
        std::uint64_t messages = 0;
        std::uint64_t in_flight = 0;
        double rate = 0;
        std::set<std::uint64_t> replacements;
        std::set<std::uint32_t> loops;
        for (const WorkerPlan& plan : all) {
            EXPECT_EQ(plan.first_connection, connections) << "no number twice, and none left out";
            connections += plan.connections;
            messages += *plan.messages;
            in_flight += plan.max_in_flight;
            rate += *plan.connect_rate;
            EXPECT_TRUE(loops.insert(plan.loop).second) << "each has a random row of its own";
            for (std::uint64_t k = 0; k < 50; ++k) {
                const std::uint64_t number = plan.next_connection + k * plan.connection_stride;
                EXPECT_GE(number, 1003U);
                EXPECT_TRUE(replacements.insert(number).second) << number;
            }
        }
        EXPECT_EQ(connections, 1003U);
        EXPECT_EQ(messages, 100'001U);
        EXPECT_EQ(in_flight, 1000U);
        EXPECT_DOUBLE_EQ(rate, 500.0);
        EXPECT_EQ(due_times(all, 200'000), due_times(whole, 200'000));
    }
}

TEST(Plan, ThePartsOfARampAreTheRamp) {
    const std::vector<const char*> words = {"-c", "10", "-d", "10s", "-R", "0:1k"};
    std::vector<WorkerPlan> all;
    for (std::uint32_t number = 1; number <= 3; ++number) {
        const auto plans = divide(part_of_run(number, 3, 1, words), std::nullopt);
        all.insert(all.end(), plans.begin(), plans.end());
    }
    const auto whole = divide(part_of_run(1, 1, 1, words), std::nullopt);
    EXPECT_EQ(due_times(all, 1000), due_times(whole, 3000));
}

TEST(Plan, EachLoopOfAListOfProcessorsHasOne) {
    Options options;
    options.cpus = {4, 1};
    options.threads = 2;
    const auto plans = divide(options, std::nullopt);
    EXPECT_EQ(plans[0].cpu, 4U);
    EXPECT_EQ(plans[1].cpu, 1U);
    options.cpus.clear();
    EXPECT_FALSE(divide(options, std::nullopt)[0].cpu);
}

TEST(Plan, AReplayHasTheNumberOfItsConnection) {
    Options options;
    options.replay = Replay{123'456, 99};
    options.connections = 1;
    options.messages = 100;
    const auto plans = divide(options, std::nullopt);
    ASSERT_EQ(plans.size(), 1U);
    EXPECT_EQ(plans[0].first_connection, 123'456U);
    EXPECT_EQ(plans[0].messages, 100U);
}

TEST(Plan, ARunThatBeginsAtATimeHoldsItsMessages) {
    Options options;
    options.warmup = 1s;
    EXPECT_FALSE(divide(options, std::nullopt)[0].hold);
    options.start_at = StartAt::parse("+5s");
    EXPECT_TRUE(divide(options, std::nullopt)[0].hold);
}
