// SPDX-License-Identifier: MIT
#include "client/capacity/rate_search.hpp"
#include "simulated_server.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr double kService = 100e-6; // seconds; the server takes 10,000 messages a second
constexpr Duration kStep = 5s;

struct Searched {
    SearchAnswer answer;
    int runs = 0;
};

Searched search(const SearchRange& range, const std::function<StepFinding(double)>& run) {
    RateSearch search(range);
    Searched searched;
    for (; const auto rate = search.next(); ++searched.runs) {
        if (searched.runs == 1000) {
            ADD_FAILURE() << "the search does not end";
            break;
        }
        search.add(*rate, run(*rate));
    }
    searched.answer = search.answer();
    return searched;
}

// Runs of the simulated server that are judged by a real condition. `noise` of them have a stall.
Searched search_simulated(const char* condition, std::uint64_t seed, double noise = 0) {
    std::mt19937_64 random(seed);
    const Gates gates = {Condition::parse_required(condition)};
    const auto run = [&](double rate) {
        SimulatedServer server;
        server.stall = std::bernoulli_distribution(noise)(random) ? 200ms : 0ms;
        const Tally tally = simulate(server, rate, kStep, random());
        return judge_gates(gates, {tally, true, kStep}).front().passed ? StepFinding::holds
                                                                       : StepFinding::fails;
    };
    return search({500, 1'000'000, 0.02, 3}, run);
}

StepFinding up_to(double rate, double edge) {
    return rate <= edge ? StepFinding::holds : StepFinding::fails;
}

} // namespace

TEST(RateSearch, FindsTheRateOfTheoryForAMeanResponse) {
    const double edge =
        theory_edge(kService, [](double rate) { return theory_mean(rate, kService) < 250e-6; });
    EXPECT_NEAR(edge, 7'500, 1) << "by hand: load / (2 (1 - load)) = 1.5";
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        const Searched found = search_simulated("mean<250us", seed);
        EXPECT_NEAR(found.answer.rate.value_or(0), edge, 0.05 * edge) << seed;
        EXPECT_LE(found.answer.low.value_or(0), 1.02 * edge);
        EXPECT_GE(found.answer.high.value_or(0), 0.98 * edge);
        EXPECT_LE(found.runs, 30);
    }
}

TEST(RateSearch, FindsTheRateOfTheoryForAPercentile) {
    for (const auto& [condition, time, share] :
         {std::tuple{"p99<1ms", 1e-3, 0.99}, std::tuple{"p90<500us", 0.5e-3, 0.9},
          std::tuple{"p99.9<2ms", 2e-3, 0.999}}) {
        const double edge = theory_edge(kService, [&, time = time, share = share](double rate) {
            return theory_share(rate, kService, time) > share;
        });
        EXPECT_GT(edge, 5'000);
        EXPECT_LT(edge, 9'900);
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            const Searched found = search_simulated(condition, seed);
            EXPECT_NEAR(found.answer.rate.value_or(0), edge, 0.05 * edge) << condition << seed;
        }
    }
}

TEST(RateSearch, NoiseThatFailsARunInTenDoesNotMoveTheAnswer) {
    const double edge = theory_edge(
        kService, [](double rate) { return theory_share(rate, kService, 1e-3) > 0.99; });
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const Searched found = search_simulated("p99<1ms", seed, 0.1);
        EXPECT_NEAR(found.answer.rate.value_or(0), edge, 0.05 * edge) << seed;
        EXPECT_LE(found.answer.low.value_or(0), found.answer.rate.value_or(0));
        EXPECT_LE(found.runs, 60);
    }
}

TEST(RateSearch, AnExactEdgeIsFoundToThePrecisionFromAnyRange) {
    for (const double edge : {1.0, 2.0, 999.0, 1'000.0, 1'001.0, 54'321.0, 99'999'999.0}) {
        for (const double lowest : {1.0, 7.0, 1'000.0}) {
            const Searched found = search({lowest, 100'000'000, 0.02, 3},
                                          [&](double rate) { return up_to(rate, edge); });
            if (lowest > edge) {
                EXPECT_FALSE(found.answer.rate);
                EXPECT_EQ(found.answer.beyond, lowest);
                continue;
            }
            ASSERT_TRUE(found.answer.rate && found.answer.beyond);
            EXPECT_LE(*found.answer.rate, edge);
            EXPECT_GT(*found.answer.beyond, edge);
            EXPECT_LE(*found.answer.beyond,
                      std::max(*found.answer.rate + 1, 1.02 * *found.answer.rate));
            EXPECT_EQ(found.answer.low, *found.answer.rate) << "no run contradicts";
            EXPECT_EQ(found.answer.high, *found.answer.beyond);
            EXPECT_TRUE(found.answer.complete);
        }
    }
}

TEST(RateSearch, AServerThatNeverHoldsEndsAtTheLowestRate) {
    const Searched found =
        search({500, 1'000'000, 0.02, 3}, [](double) { return StepFinding::fails; });
    EXPECT_EQ(found.runs, 2) << "two of three decide";
    EXPECT_FALSE(found.answer.rate);
    EXPECT_EQ(found.answer.beyond, 500);
    EXPECT_EQ(found.answer.limit, StepFinding::fails);
}

TEST(RateSearch, AServerThatAlwaysHoldsEndsAtTheHighestRate) {
    const Searched found =
        search({500, 20'000, 0.02, 3}, [](double) { return StepFinding::holds; });
    EXPECT_EQ(found.answer.rate, 20'000);
    EXPECT_FALSE(found.answer.beyond);
    EXPECT_FALSE(found.answer.high);
    EXPECT_LE(found.runs, 10);
}

TEST(RateSearch, OneRateIsARangeToo) {
    EXPECT_EQ(search({7, 7, 0.02, 3}, [](double) { return StepFinding::holds; }).answer.rate, 7);
    EXPECT_FALSE(search({7, 7, 0.02, 1}, [](double) { return StepFinding::fails; }).answer.rate);
}

TEST(RateSearch, AnswersByChanceEndToo) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        std::mt19937_64 random(seed);
        const Searched found = search({1, 1'000'000, 0.01, 5}, [&random](double) {
            return static_cast<StepFinding>(random() % 4);
        });
        EXPECT_LE(found.runs, 500);
        EXPECT_TRUE(found.answer.complete);
    }
}

// Within a tenth of the edge a run is a coin that is thrown fairly in its middle.
TEST(RateSearch, TheIntervalOfANoisyEdgeContainsIt) {
    int contained = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        std::mt19937_64 random(seed);
        const Searched found = search({10, 1'000'000, 0.02, 3}, [&random](double rate) {
            const double chance = std::clamp(0.5 - (rate / 10'000 - 1) * 5, 0.0, 1.0);
            return std::bernoulli_distribution(chance)(random) ? StepFinding::holds
                                                               : StepFinding::fails;
        });
        ASSERT_TRUE(found.answer.rate);
        EXPECT_NEAR(*found.answer.rate, 10'000, 1'000) << seed;
        contained +=
            found.answer.low.value_or(0) <= 10'000 && found.answer.high.value_or(1e9) >= 10'000 ? 1
                                                                                                : 0;
    }
    EXPECT_GE(contained, 70);
}

TEST(RateSearch, OneWrongVerdictInTheRiseIsOverturned) {
    bool is_first = true;
    const Searched found = search({1'000, 1'000'000, 0.02, 3}, [&is_first](double rate) {
        if (rate == 4'000 && std::exchange(is_first, false)) {
            return StepFinding::fails;
        }
        return up_to(rate, 50'000);
    });
    EXPECT_NEAR(*found.answer.rate, 50'000, 1'000);
    EXPECT_EQ(found.answer.low, 2'000) << "from there on, not every run held";
}

TEST(RateSearch, ARunThatFailsAtTheLowestRateLeavesNoRateAtWhichEachHeld) {
    bool is_first = true;
    const Searched found = search({1'000, 1'000'000, 0.02, 3}, [&is_first](double rate) {
        return std::exchange(is_first, false) ? StepFinding::fails : up_to(rate, 50'000);
    });
    EXPECT_NEAR(found.answer.rate.value_or(0), 50'000, 1'000);
    EXPECT_FALSE(found.answer.low);
    EXPECT_FALSE(RateSearch({1'000, 2'000, 0.02, 3}).answer().low) << "no run, no rate";
}

TEST(RateSearch, ARateThatHeldByChanceIsNotTheAnswer) {
    bool is_first = true;
    const Searched found = search({1'000, 1'000'000, 0.02, 3}, [&is_first](double rate) {
        if (rate == 64'000 && std::exchange(is_first, false)) {
            return StepFinding::holds;
        }
        return up_to(rate, 50'000);
    });
    EXPECT_NEAR(*found.answer.rate, 50'000, 1'000);
    EXPECT_EQ(found.answer.limit, StepFinding::fails);
}

TEST(RateSearch, WhatTheClientCouldNotSendIsNotTheLimitOfTheServer) {
    const Searched found = search({1'000, 1'000'000, 0.02, 3}, [](double rate) {
        return rate <= 30'000 ? StepFinding::holds : StepFinding::client_limited;
    });
    EXPECT_NEAR(*found.answer.rate, 30'000, 600);
    EXPECT_EQ(found.answer.limit, StepFinding::client_limited);
    EXPECT_FALSE(found.answer.high) << "the server may take more";

    const Searched none =
        search({1'000, 1'000'000, 0.02, 3}, [](double) { return StepFinding::client_limited; });
    EXPECT_FALSE(none.answer.rate);
    EXPECT_EQ(none.answer.limit, StepFinding::client_limited);
}

TEST(RateSearch, AnInterruptedSearchHasAnAnswerSoFar) {
    RateSearch search({1'000, 1'000'000, 0.02, 3});
    EXPECT_FALSE(search.answer().rate);
    EXPECT_FALSE(search.answer().complete);
    for (int i = 0; i < 3; ++i) {
        search.add(*search.next(), StepFinding::holds);
    }
    EXPECT_EQ(search.answer().rate, 4'000);
    EXPECT_FALSE(search.answer().beyond);
    EXPECT_FALSE(search.answer().complete);
    EXPECT_EQ(search.finding_at(2'000), StepFinding::holds);
    EXPECT_EQ(search.finding_at(3'000), StepFinding::unmeasured);
}
