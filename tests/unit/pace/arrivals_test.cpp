// SPDX-License-Identifier: MIT
#include "client/pace/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart(1'000s);

std::vector<TimePoint> dues(Arrivals& arrivals, TimePoint until) {
    std::vector<TimePoint> list;
    for (; arrivals.next() < until; arrivals.advance()) {
        list.push_back(arrivals.next());
    }
    return list;
}

Arrivals of(Pace pace, std::optional<Duration> length = std::nullopt,
            Arrival arrival = Arrival::constant) {
    Arrivals arrivals(pace, arrival, length, std::nullopt, {}, 1);
    arrivals.begin(kStart, kStart);
    return arrivals;
}

} // namespace

TEST(Arrivals, NoMessageIsDueBeforeTheScheduleBegins) {
    const Arrivals arrivals({10, 10}, Arrival::constant, std::nullopt, std::nullopt, {}, 1);
    EXPECT_FALSE(arrivals.begun());
    EXPECT_EQ(arrivals.next(), Arrivals::kNever);
}

TEST(Arrivals, MessageKIsDueAtKDividedByTheRateWithoutDrift) {
    Arrivals arrivals = of({3000, 3000});
    const auto list = dues(arrivals, kStart + 100s);
    ASSERT_EQ(list.size(), 300'000U);
    for (std::size_t k = 0; k < list.size(); ++k) {
        const auto exact = static_cast<std::int64_t>(k) * 1'000'000 / 3; // ns
        ASSERT_LE(std::abs((list[k] - kStart).count() - exact), 1) << k;
    }
}

TEST(Arrivals, ARampFollowsTheIntegralOfItsRate) {
    for (const Pace& pace : {Pace{1000, 3000}, Pace{3000, 1000}, Pace{0, 4000}, Pace{4000, 0}}) {
        Arrivals arrivals = of(pace, 5s);
        const auto list = dues(arrivals, kStart + 5s);
        EXPECT_NEAR(static_cast<double>(list.size()), 10'000, 1) << pace.first;
        for (std::size_t k = 0; k < list.size(); k += 97) {
            const double t = std::chrono::duration<double>(list[k] - kStart).count();
            const double come = pace.first * t + (pace.last - pace.first) / 5 * t * t / 2;
            ASSERT_NEAR(come, static_cast<double>(k), 0.01) << pace.first << " " << k;
        }
    }
}

TEST(Arrivals, ARampToZeroEnds) {
    Arrivals arrivals = of({100, 0}, 2s);
    const auto list = dues(arrivals, Arrivals::kNever);
    EXPECT_NEAR(static_cast<double>(list.size()), 100, 1);
    EXPECT_EQ(arrivals.next(), Arrivals::kNever);
    EXPECT_FALSE(arrivals.exhausted()) << "the rate is 0, but the run is not over";
}

TEST(Arrivals, SeveralLoopsTogetherSendEachMessageOnce) {
    Arrivals whole = of({1000, 5000}, 3s);
    const auto expected = dues(whole, kStart + 3s);
    std::vector<TimePoint> found;
    for (std::uint32_t index = 0; index < 3; ++index) {
        Arrivals part({1000, 5000}, Arrival::constant, 3s, std::nullopt, {index, 3}, 1);
        part.begin(kStart, kStart);
        const auto list = dues(part, kStart + 3s);
        found.insert(found.end(), list.begin(), list.end());
    }
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, expected);
}

TEST(Arrivals, TheWarmUpHasTheFirstRateAndTheMeasuredPartStartsOver) {
    Arrivals arrivals({100, 300}, Arrival::constant, 10s, std::nullopt, {}, 1);
    arrivals.begin(kStart, kStart + 1s);
    for (int k = 0; k < 100; ++k) {
        ASSERT_FALSE(arrivals.measured());
        ASSERT_EQ(arrivals.next(), kStart + k * 10ms);
        arrivals.advance();
    }
    EXPECT_TRUE(arrivals.measured());
    EXPECT_EQ(arrivals.next(), kStart + 1s);
}

TEST(Arrivals, ARampFromZeroHasAWarmUpWithoutMessages) {
    Arrivals arrivals({0, 300}, Arrival::constant, 10s, std::nullopt, {}, 1);
    arrivals.begin(kStart, kStart + 1s);
    EXPECT_TRUE(arrivals.measured());
    EXPECT_EQ(arrivals.next(), kStart + 1s);
}

TEST(Arrivals, StagesFollowEachOtherWithoutLosingAMessage) {
    // 300 in 300 ms, silence, 500 in the ramp, 29 at a rate whose product is no binary fraction.
    const std::vector<Stage> stages = {
        {1000, 1000, 300ms}, {0, 0, 200ms}, {0, 2000, 500ms}, {100, 100, 290ms}};
    Arrivals arrivals = of({1000, 100, stages});
    const auto list = dues(arrivals, Arrivals::kNever);
    ASSERT_EQ(list.size(), 829U);
    for (std::size_t k = 0; k < 300; ++k) {
        ASSERT_EQ(list[k], kStart + k * 1ms);
    }
    EXPECT_EQ(list[300], kStart + 500ms) << "the silence ends, and the ramp begins";
    for (std::size_t k = 0; k < 500; ++k) { // k = 2000 t^2
        const double exact = std::sqrt(static_cast<double>(k) / 2000.0) * 1e9;
        ASSERT_NEAR(static_cast<double>((list[300 + k] - kStart - 500ms).count()), exact, 1) << k;
    }
    for (std::size_t k = 0; k < 29; ++k) {
        ASSERT_EQ(list[800 + k], kStart + 1s + k * 10ms);
    }
}

TEST(Arrivals, LoopsShareStagesAndCountWhatIsLeft) {
    const std::vector<Stage> stages = {{500, 500, 2s}, {0, 0, 1s}, {2000, 0, 1s}};
    std::vector<TimePoint> all;
    for (std::uint32_t index = 0; index < 3; ++index) {
        Arrivals part({500, 0, stages}, Arrival::constant, 4s, std::nullopt, {index, 3}, 1);
        part.begin(kStart - 1s, kStart);
        while (!part.measured()) {
            part.advance();
        }
        EXPECT_NEAR(static_cast<double>(part.left(kStart + 4s)), 2000 / 3.0, 1);
        const auto list = dues(part, Arrivals::kNever);
        all.insert(all.end(), list.begin(), list.end());
    }
    std::sort(all.begin(), all.end());
    Arrivals whole = of({500, 0, stages});
    EXPECT_EQ(all, dues(whole, Arrivals::kNever));
    EXPECT_EQ(all.size(), 2000U);
    EXPECT_LT(all.back(), kStart + 4s);
}

TEST(Arrivals, PoissonArrivalsKeepTheRatesOfStagesAndTheirSilence) {
    const std::vector<Stage> stages = {{10'000, 10'000, 5s}, {0, 0, 5s}, {0, 20'000, 5s}};
    Arrivals arrivals = of({10'000, 20'000, stages}, 15s, Arrival::poisson);
    const auto list = dues(arrivals, Arrivals::kNever);
    const auto until = [&list](Duration time) {
        return std::lower_bound(list.begin(), list.end(), kStart + time) - list.begin();
    };
    EXPECT_NEAR(static_cast<double>(until(5s)), 50'000, 4 * std::sqrt(50'000.0));
    EXPECT_EQ(until(10s), until(5s));
    EXPECT_NEAR(static_cast<double>(until(12'500ms) - until(10s)), 12'500, 4 * std::sqrt(12'500.0));
}

TEST(Arrivals, ALimitedNumberOfMessagesEnds) {
    for (const Arrival arrival : {Arrival::constant, Arrival::poisson}) {
        Arrivals arrivals({100, 100}, arrival, std::nullopt, 7, {}, 1);
        arrivals.begin(kStart - 1s, kStart);
        while (!arrivals.measured()) {
            arrivals.advance();
        }
        EXPECT_EQ(dues(arrivals, Arrivals::kNever).size(), 7U);
    }
    Arrivals none({100, 100}, Arrival::constant, std::nullopt, 0, {3, 4}, 1);
    none.begin(kStart, kStart);
    EXPECT_EQ(none.next(), Arrivals::kNever);
    EXPECT_TRUE(none.exhausted());
}

TEST(Arrivals, PoissonGapsHaveTheMeanAndTheDeviationOfTheRate) {
    for (const std::uint32_t loops : {1U, 4U}) {
        Arrivals arrivals({1000, 1000}, Arrival::poisson, std::nullopt, std::nullopt, {0, loops},
                          42);
        arrivals.begin(kStart, kStart);
        const auto list = dues(arrivals, kStart + 1000s);
        const double count = 1'000'000.0 / loops;
        // The number of arrivals has its square root as standard deviation: this is five of them.
        EXPECT_NEAR(static_cast<double>(list.size()), count, 5 * std::sqrt(count));
        double sum = 0;
        double squares = 0;
        for (std::size_t i = 1; i < list.size(); ++i) {
            const double gap = std::chrono::duration<double>(list[i] - list[i - 1]).count();
            sum += gap;
            squares += gap * gap;
        }
        const double mean = sum / static_cast<double>(list.size() - 1);
        const double deviation =
            std::sqrt(squares / static_cast<double>(list.size() - 1) - mean * mean);
        EXPECT_NEAR(deviation / mean, 1.0, 0.02);
    }
}

TEST(Arrivals, PoissonArrivalsRepeatForASeedAndDifferForAnother) {
    const auto with = [](std::uint64_t seed, std::uint32_t index) {
        Arrivals arrivals({1000, 1000}, Arrival::poisson, std::nullopt, std::nullopt, {index, 2},
                          seed);
        arrivals.begin(kStart, kStart);
        return dues(arrivals, kStart + 1s);
    };
    EXPECT_EQ(with(1, 0), with(1, 0));
    EXPECT_NE(with(1, 0), with(2, 0));
    EXPECT_NE(with(1, 0), with(1, 1));
    EXPECT_NE(with(1, 0), with(1ULL << 40U | 1, 0));
}

TEST(Arrivals, RemainingMessagesAreCountedAndSkippedAtOnce) {
    Arrivals arrivals({1'000'000, 1'000'000}, Arrival::constant, std::nullopt, std::nullopt, {0, 2},
                      1);
    arrivals.begin(kStart - 1s, kStart);
    EXPECT_NEAR(static_cast<double>(arrivals.left(kStart + 1h)), 500'000, 1) << "of the warm-up";
    arrivals.advance(499'999);
    EXPECT_FALSE(arrivals.measured());
    arrivals.advance();
    EXPECT_TRUE(arrivals.measured());
    EXPECT_NEAR(static_cast<double>(arrivals.left(kStart + 1h)), 1.8e9, 1);
    arrivals.advance(900'000'000);
    EXPECT_EQ(arrivals.next(), kStart + 30min);

    Arrivals few({10, 10}, Arrival::constant, std::nullopt, 7, {0, 1}, 1);
    few.begin(kStart, kStart);
    EXPECT_EQ(few.left(Arrivals::kNever), 7U);
    few.advance(7);
    EXPECT_EQ(few.next(), Arrivals::kNever);
    EXPECT_EQ(few.left(Arrivals::kNever), 0U);
}
