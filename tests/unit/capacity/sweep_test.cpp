// SPDX-License-Identifier: MIT
#include "client/capacity/sweep.hpp"
#include "simulated_server.hpp"

#include <gtest/gtest.h>

#include <random>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

StepFigures figures_of(const Tally& tally) {
    StepFigures figures;
    figures[StepFigure::mean] = static_cast<double>(tally.response.mean()->count());
    figures[StepFigure::p99] = static_cast<double>(tally.response.percentile(99)->count());
    return figures;
}

} // namespace

TEST(Sweep, PointsAreEvenAndWhole) {
    EXPECT_EQ(even_points(1'000, 5'000, 5), (std::vector<double>{1000, 2000, 3000, 4000, 5000}));
    EXPECT_EQ(even_points(1, 3, 10), (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(even_points(9, 1, 3), (std::vector<double>{9, 5, 1}));
    EXPECT_EQ(even_points(7, 7, 4), std::vector<double>{7});
    EXPECT_EQ(even_points(7, 9, 1), std::vector<double>{7});
}

TEST(Sweep, EachPassHasEveryPointAndTheNextGoesBackwards) {
    Sweep sweep(3, 3);
    std::vector<std::size_t> order;
    while (const auto point = sweep.next()) {
        order.push_back(*point);
        sweep.add(*point, {}, StepFinding::holds);
    }
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 2, 1, 0, 0, 1, 2}));
    EXPECT_FALSE(Sweep(0, 3).next());
}

TEST(Sweep, TheFiguresOfAPointAreMediansAndItsFindingThatOfMostRuns) {
    Sweep sweep(1, 5);
    for (const double p99 : {5.0, 900.0, 4.0}) {
        StepFigures figures;
        figures[StepFigure::p99] = p99;
        sweep.add(0, figures, p99 > 100 ? StepFinding::fails : StepFinding::holds);
    }
    EXPECT_EQ(sweep.at(0).median[StepFigure::p99], 5);
    EXPECT_FALSE(sweep.at(0).median[StepFigure::mean]);
    EXPECT_EQ(sweep.at(0).finding, StepFinding::holds);
    EXPECT_EQ(sweep.at(0).runs, 3U);
    sweep.add(0, {}, StepFinding::fails);
    EXPECT_EQ(sweep.at(0).finding, StepFinding::fails) << "in doubt, it does not hold";
    EXPECT_EQ(Sweep(1, 1).at(0).finding, StepFinding::unmeasured);
}

// The curve of latency over rate, to within 5 % of theory, although one run in ten has a stall.
TEST(Sweep, TheCurveIsThatOfTheory) {
    constexpr double kServiceTime = 100e-6;
    const std::vector<double> rates = even_points(1'000, 9'000, 9);
    Sweep sweep(rates.size(), 5);
    std::mt19937_64 random(1);
    while (const auto point = sweep.next()) {
        SimulatedServer server;
        server.stall = std::bernoulli_distribution(0.1)(random) ? 200ms : 0ms;
        sweep.add(*point, figures_of(simulate(server, rates[*point], 20s, random())),
                  StepFinding::holds);
    }
    for (std::size_t i = 0; i < rates.size(); ++i) {
        const StepFigures median = sweep.at(i).median;
        const double mean = theory_mean(rates[i], kServiceTime) * 1e9;
        EXPECT_NEAR(*median[StepFigure::mean], mean, 0.05 * mean) << rates[i];
        // The measured percentile, put into the law of theory, is the share that it stands for.
        const double share = theory_share(rates[i], kServiceTime, *median[StepFigure::p99] / 1e9);
        EXPECT_NEAR(share, 0.99, 0.005) << rates[i];
    }
}
