// SPDX-License-Identifier: MIT
#include "client/result/bottleneck.hpp"

#include <gtest/gtest.h>

#include <optional>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

RunResult taken(double client, std::optional<double> server) {
    RunResult result;
    result.window = 1s;
    result.client.emplace();
    result.client->busiest_thread = client;
    result.client->longest_wait = 0.01;
    if (server) {
        result.server.emplace();
        result.server->busiest_thread = *server;
        result.server->longest_wait = 0.01;
    }
    return result;
}

} // namespace

TEST(Bottleneck, IsTheSideWithABusyThreadAndTheClientFirst) {
    using Where = Bottleneck::Where;
    const struct {
        double client;
        std::optional<double> server;
        Where where;
    } cases[] = {
        {0.95, 0.99, Where::client}, {0.90, std::nullopt, Where::client}, {0.5, 0.9, Where::server},
        {0.89, 0.89, Where::none},   {0.5, std::nullopt, Where::unknown},
    };
    for (const auto& each : cases) {
        EXPECT_EQ(find_bottleneck(taken(each.client, each.server)).where, each.where)
            << each.client;
    }
    EXPECT_EQ(find_bottleneck(RunResult()).where, Where::unknown);
    EXPECT_EQ(find_bottleneck(taken(0.5, 0.92)).reason,
              "its busiest thread used 92 % of a processor");
}

TEST(Bottleneck, AProcessThatWaitsForAProcessorOrIsThrottledIsIt) {
    using Where = Bottleneck::Where;
    RunResult result = taken(0.3, 0.3);
    EXPECT_EQ(find_bottleneck(result).where, Where::none);
    result.server->longest_wait = 0.4;
    EXPECT_EQ(find_bottleneck(result).where, Where::server);
    EXPECT_EQ(find_bottleneck(result).reason,
              "it waited for a processor for 40 % of the time: other processes used it");
    result.server->throttling = Throttling{33, 30};
    EXPECT_EQ(find_bottleneck(result).reason,
              "its control group was throttled in 30 of 33 periods (CPU quota)");
    result.client->throttling = Throttling{100, 9};
    EXPECT_EQ(find_bottleneck(result).where, Where::server) << "seldom";
    result.client->throttling = Throttling{100, 10};
    EXPECT_EQ(find_bottleneck(result).where, Where::client);
    result.client->throttling.reset();
    result.client->longest_wait = 0.2;
    EXPECT_EQ(find_bottleneck(result).where, Where::client);
}

TEST(Bottleneck, AClientThatWasStoppedIsIt) {
    RunResult result = taken(0.3, 0.3);
    LoopUse loop;
    loop.wall = 6s;
    loop.waited = Duration();
    loop.gaps = 500ms;
    result.loops = {loop, loop};
    EXPECT_EQ(find_bottleneck(result).where, Bottleneck::Where::none);
    result.loops[1].gaps = result.loops[1].longest_gap = 3s;
    EXPECT_EQ(find_bottleneck(result).where, Bottleneck::Where::client);
    EXPECT_EQ(find_bottleneck(result).reason,
              "a loop of it did not run for 3.00s of 6.00s (longest 3.00s): it was stopped, or had "
              "no processor");
}

TEST(Bottleneck, IsUnknownWhereItCannotBeKnown) {
    using Where = Bottleneck::Where;
    RunResult result = taken(1, 1);
    result.window = 99ms;
    EXPECT_EQ(find_bottleneck(result).where, Where::unknown);
    EXPECT_EQ(find_bottleneck(result).reason,
              "a measured part of 99.0ms is too short to tell, it takes 100ms");
    result = taken(0.3, 0.3);
    result.server->longest_wait.reset();
    EXPECT_EQ(find_bottleneck(result).where, Where::unknown);
    result.client.reset();
    EXPECT_EQ(find_bottleneck(result).where, Where::unknown);
    EXPECT_EQ(find_bottleneck(result).reason, "what the client used was not measured");
}

TEST(Bottleneck, ALoopThatPollsIsNotBusyByThat) {
    RunResult result = taken(0.99, 0.3);
    LoopUse loop;
    loop.user = 600ms;
    loop.system = 390ms;
    loop.wall = 1s;
    loop.polled = 500ms;
    loop.waited = 5ms;
    result.loops.push_back(loop);
    EXPECT_EQ(find_bottleneck(result).where, Bottleneck::Where::none) << "a closed loop";
    result.rate = AchievedRate{40'000, 40'000};
    EXPECT_EQ(find_bottleneck(result).where, Bottleneck::Where::none);
    EXPECT_NEAR(result.loops[0].work_share(), 0.49, 1e-9);
    result.loops[0].polled = 50ms;
    EXPECT_EQ(find_bottleneck(result).where, Bottleneck::Where::client);
}

TEST(Bottleneck, AnOpenLoopThatComesLateIsTheBottleneckHoweverLittleItUsed) {
    RunResult result = taken(0.2, 0.3);
    result.tally.lag.record(6ms);
    result.tally.response.record(10ms);
    EXPECT_EQ(find_bottleneck(result).where, Bottleneck::Where::client);
    result.tally.response.record(20ms);
    EXPECT_EQ(find_bottleneck(result).where, Bottleneck::Where::none)
        << "the server made most of it";
}
